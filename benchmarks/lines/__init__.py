"""What is measured: a module per subject, each with the lines of the table that it gives."""
