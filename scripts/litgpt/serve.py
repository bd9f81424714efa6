"""Run jobs one request per line of stdin, each in a child of this process: see ratchet_litgpt/server.py."""

import os

from ratchet_litgpt.environment import prepare_environment
from ratchet_litgpt.imports import import_all

if __name__ == "__main__":
    prepare_environment()
    import_all()
    from ratchet_litgpt.server import serve

    serve()
    # Libraries that tidy up at exit only lose time.
    os._exit(0)
