"""A pytest plugin (`-p tests.mutation.plugin`): one module is loaded with the change that FLYBALL_MUTANT names."""

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

from tests.mutation.mutants import MUTANTS, Mutant


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.module, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """From the changed source: never from a cached file, and never into one."""
        text = self._mutant.applied(self.get_data(self.path).decode())
        return compile(text, self.path, "exec", dont_inherit=True)


class _Finder(importlib.machinery.PathFinder):
    """Answers for the one module; the others are found as ever."""

    mutant: Mutant

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != cls.mutant.module:
            return None
        spec = super().find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(cls.mutant, spec.origin)
        return spec


_Finder.mutant = next(mutant for mutant in MUTANTS if mutant.name == os.environ["FLYBALL_MUTANT"])
assert _Finder.mutant.module not in sys.modules, "loaded too early to be another"
sys.meta_path.insert(0, _Finder)
