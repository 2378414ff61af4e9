"""Silver: bronze with real types, rebuilt where bronze or the recipe changed."""
