"""Networks, one file each: the config above the Equinox module it builds."""
