"""Judging responses: arrays in, numbers out; knows no model and needs no accelerator library."""
