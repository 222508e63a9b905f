"""Identity codes by name: presets, and those a head knows by itself."""

import torch
from torch import Tensor

from facetalk.head.head import Head
from facetalk.head.identity_preset import IdentityPreset, list_identities, load_identity


def named_identity(head: Head, bundle: str, name: str) -> Tensor:
    """The identity code ``[I]`` of a preset, of ``average``, or of ``random-N``, hair and all.

    Args:
        head: whose code it is.
        bundle: name of the head's bundle, which presets are made for.
        name: the identity's.

    Raises:
        UserError: there is no such identity, or it belongs to another head.
    """
    if name not in list_identities():
        return head.identity(name)
    return preset_code(head, bundle, load_identity(name))


def preset_code(head: Head, bundle: str, preset: IdentityPreset) -> Tensor:
    """The identity code ``[I]`` of a preset, with its hair; arguments as in ``named_identity``.

    Raises:
        UserError: the preset belongs to another head.
    """
    preset.require_fit(bundle, head.identity_size, head.hair_styles)
    code = torch.tensor(preset.code, device=head.device)
    return head.with_hair(code, preset.hair) if preset.hair else code
