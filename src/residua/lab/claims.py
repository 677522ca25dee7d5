"""The claims of the lab in the order of the chapter: one literal table, read without loading PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, final

Option = Literal["data", "depths", "seeds", "device"]


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """Where a claim is measured, and which options it takes beside `quick`.

    Attributes:
        function: "module:function", imported when it is called.
        options: names of its keyword arguments.
    """

    function: str
    options: tuple[Option, ...]


CLAIMS: Final[Mapping[str, Entry]] = {
    "degradation": Entry("residua.lab.degradation:degradation", ("data", "depths", "seeds", "device")),
    "shattering": Entry("residua.lab.shattering:shattering", ("seeds", "device")),
    "variance": Entry("residua.lab.variance:variance", ("seeds", "device")),
    "highway": Entry("residua.lab.highway:highway", ("depths", "seeds", "device")),
    "ensemble": Entry("residua.lab.ensemble:ensemble", ("data", "depths", "seeds", "device")),
    "landscape": Entry("residua.lab.landscape:landscape", ("data", "depths", "seeds", "device")),
    "normalisation": Entry("residua.lab.normalisation:normalisation", ("data", "seeds", "device")),
    "architectures": Entry("residua.lab.architectures:architectures", ("data", "depths", "seeds", "device")),
}
