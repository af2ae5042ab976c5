"""Mutation: each guard of the gate and each stage of the path is broken once, and a test that names it must fail.

`./dev mutate guards` runs it. A mutant is a change of one place in one module's text, made while the module is
loaded: no file is touched.
"""
