"""`mootech` as a user who owns nothing: `python -m tests.faults.unprivileged ARGUMENTS`.

Everything is imported first and the rights are dropped then, because this interpreter may live where only root looks.
"""

import codecs
import importlib
import os
import pkgutil
import sys

import mootech
from tests.zygote import preloaded

NOBODY = 65534

if __name__ == "__main__":
    main = preloaded()
    codecs.lookup("utf-8-sig")
    codecs.lookup("idna")
    importlib.import_module("importlib.readers")
    for module in pkgutil.walk_packages(mootech.__path__, "mootech."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    os.chdir("/")
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    sys.exit(main(sys.argv[1:]))
