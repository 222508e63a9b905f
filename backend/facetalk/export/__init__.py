"""Takes as files: Blender scenes and preview videos."""

from facetalk.export.blend_file import ExportReport, write_take

__all__ = ["ExportReport", "write_take"]
