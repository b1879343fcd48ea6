namespace MomentTools.Qmp;

/// <summary>Which way a QMP message goes.</summary>
internal enum QmpDirection
{
    ToQemu,
    FromQemu,
}
