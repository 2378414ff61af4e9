"""The commands: one file for each word that a person types; options in, one pipeline call, its outcome out."""
