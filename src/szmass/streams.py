"""The number of every random stream, so that no two draws share their random numbers.

A generator is seeded by `(seed, stream, *identity)`, where the identity says what is drawn and not
where it stands: the number of a cluster, of a map, of an epoch. Several draws of one identity end
in a number more, such as 0 for a cluster's labels and 1 for its sky. A number that has been used
stays with its stream: another one means other maps.
"""

from __future__ import annotations

# the microwave line
MICROWAVE_SAMPLES = 0  # maps of the store: amplitude, sky and noise
TRAINING_EPOCHS = 1  # the mResUNet's maps of an epoch, or the order of the stored ones

# the Compton line
COMPTON_CLUSTERS = 10  # mass, redshift, shape and orientation
COMPTON_NOISE = 11  # which cutout of noise a map gets, and how it is turned

# Planck's sky
NOISE_REALISATIONS = 20  # noise on the full sky, cut out for simulated maps
STAND_IN_NOISE = 21  # the noise of the stand-in for Planck's y-map
NOISE_LEVEL = 22  # how the noise varies over the sky
STAND_IN_SOURCES = 23  # point sources of the stand-in
STAND_IN_SCATTER = 24  # of Y, of the stand-in's clusters on another sky

# the hydrodynamical test of the microwave line
HYDRO_SKIES = 30  # primary anisotropies, foregrounds and noise over a cluster
HYDRO_CLUSTERS = 31  # mass, redshift, shape and orientation
HYDRO_HALOES = 32  # unrelated ones along the line of sight

# training of the CNN
CNN_MEMBERS = 40  # a member's division of the clusters, first weights and epochs

# weighing
WEIGHING_CLUSTERS = 50  # mass, redshift, gas, shape and orientation of simulated clusters
WEIGHING_EPOCHS = 51  # gas, scatter and noise of an epoch, and the order of its clusters
WEIGHING_NOISE = 52  # gas, scatter and noise of the clusters by which epochs or masses are judged
WEIGHING_NETWORKS = 53  # first weights

# comparison with other tables of masses
CHECKED_MASSES = 54  # draws from the posterior of 1 - b, slope and scatter
WEIGHING_MICROWAVE = 55  # masses of training clusters of one redshift, and the training's own seed

# surveys other than Planck's
SURVEY_MAPS = 57  # gas, scatter and noise of simulated maps
SURVEY_PATCHES = 58  # where noise is measured in a map
SURVEY_INJECTIONS = 59  # clusters that are put into a map, and where
SURVEY_CONTAMINANTS = 66  # sources, dust and other clusters about a simulated cluster

# maps of a user
FILLED_PIXELS = 56  # noise where a map has no data

# studies
TRAINING_SIZE_CLUSTERS = 60  # which clusters a smaller training set has
BARYON_MODEL_CLUSTERS = 61  # the same clusters for each model of the gas
MICROWAVE_TEST_MAPS = 62  # that the values of a setting are compared on
MICROWAVE_STORED_MAPS = 63  # a training set that is shown again and again, and its order
MICROWAVE_VALIDATION_MAPS = 64  # of each training
BAND_MAPS = 65  # masses, scatter and noise of clusters in several bands
