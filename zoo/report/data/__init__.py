"""Pictures and tables of a data set; they consume a description, never the data."""
