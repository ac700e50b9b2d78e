from typing import Any

# The other namespaces, where their stubs are not installed.
def __getattr__(name: str) -> Any: ...
