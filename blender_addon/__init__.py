"""FaceTalk: a recorded line on Blender's timeline becomes an animated head.

bpy is imported in ``register`` and ``unregister`` only, so that the modules that need no Blender (the frame
stream, the client, the backend process) can be imported without one.
"""

import atexit


def register() -> None:
    """Blender enables the add-on."""
    import bpy

    from . import character_operators, operators, panels, preferences, settings, takes

    takes.register()
    settings.register()
    for each in (*preferences.classes, *operators.classes, *character_operators.classes, *panels.classes):
        bpy.utils.register_class(each)
    # Blender disables add-ons when it quits; bpy as a module does not, and hangs over the classes.
    atexit.register(unregister)


def unregister() -> None:
    """Blender disables the add-on, or ends: no thread, timer or process is left."""
    import bpy

    from . import backend_process, character_operators, operators, panels, preferences, settings, takes, work

    atexit.unregister(unregister)
    running = work.current
    if running is not None:
        running.cancel()
        running.join()
    backend_process.stop_shared_backend()
    for each in reversed((*preferences.classes, *operators.classes, *character_operators.classes, *panels.classes)):
        bpy.utils.unregister_class(each)
    settings.unregister()
    takes.unregister()
