"""Silver: bronze with real types. It is rebuilt when bronze or the recipe has changed."""
