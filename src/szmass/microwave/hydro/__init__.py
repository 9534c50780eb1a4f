"""The test on clusters like those of a hydrodynamical simulation (Fig. 6)."""
