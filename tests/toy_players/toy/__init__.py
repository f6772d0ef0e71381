"""A two-player scheme as a user would ship it: an installed package that joins the catalogue by entry point."""
