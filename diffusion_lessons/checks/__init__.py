"""One door for what comes in: it is taken, or refused in one sentence.

Annotations say what a function takes: ``Images``, ``Steps``, ``int`` or a
class. ``checked`` reads them and looks at every argument before the
function does. What has one meaning is taken (an integer of numpy's, a list
of labels); anything else is an ``InputError`` that says what is taken and
what came. The formulas themselves check nothing.
"""

from .door import checked, trusted
from .models import (
    Asked,
    LabelledModel,
    Loss,
    Model,
    Trainable,
    takes,
)
from .refusals import InputError, refuse, spoken
from .scalars import (
    Check,
    Count,
    Device,
    FilePath,
    NotNegative,
    Share,
    ToList,
    choice,
    real,
    to_list,
    whole,
)
from .tensors import (
    INTEGERS,
    Amount,
    Classes,
    ClassRow,
    Clean,
    Images,
    Labels,
    Mask,
    Moment,
    Noise,
    Pictures,
    Rows,
    Samples,
    Step,
    Steps,
    Times,
    as_tensor,
    ends,
    finite,
    images,
    like_weights,
)

__all__ = [
    "INTEGERS",
    "Amount",
    "Asked",
    "Check",
    "ClassRow",
    "Classes",
    "Clean",
    "Count",
    "Device",
    "FilePath",
    "Images",
    "InputError",
    "LabelledModel",
    "Labels",
    "Loss",
    "Mask",
    "Model",
    "Moment",
    "Noise",
    "NotNegative",
    "Pictures",
    "Rows",
    "Samples",
    "Share",
    "Step",
    "Steps",
    "Times",
    "ToList",
    "Trainable",
    "as_tensor",
    "checked",
    "choice",
    "ends",
    "finite",
    "images",
    "like_weights",
    "real",
    "refuse",
    "spoken",
    "takes",
    "to_list",
    "trusted",
    "whole",
]
