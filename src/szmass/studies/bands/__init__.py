"""Bands: what more frequencies and less noise add to masses, as Gupta & Reichardt 2020 ask.

Round clusters at one redshift, whose exact posterior is known: the least scatter that any estimator
can have with these maps, and weighing beside it.
"""
