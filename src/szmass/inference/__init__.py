"""From maps and networks to masses: the exact posterior, the matched filter, calibration."""
