"""A model of one's own: from a folder of pictures to samples."""
