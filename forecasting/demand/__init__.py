"""Forecast of replicas: a conditional, calibrated quantile of the demand that a decision has to carry."""
