"""Recorded series: CSV files read strictly, text in and arrays out."""
