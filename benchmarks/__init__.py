"""mootech beside its peers: what each line of docs/benchmarks.md measures, and how.

    make bench                                                  everything, at full size
    python -m benchmarks --only ingest --runs 1 --scale 0.02    a try

Every measured thing is a process of its own: benchmarks/lines has a module per line of the table, benchmarks/peers the
scripts of the other side, benchmarks/ours those of ours that are not the installed command.
"""
