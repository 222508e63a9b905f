"""``python -m facetalk.service``: what the add-on starts."""

import logging
import sys

from facetalk.errors import UserError
from facetalk.service.app import serve

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        serve()
    except UserError as error:
        sys.exit(str(error))
