"""A network as a service: requests in, answers out, nothing kept; and a page to try it on."""

from residua.serve.limits import Limits

__all__ = ["Limits"]
