using MomentTools.Errors;

namespace MomentTools.Qcow2;

/// <summary>Opens an image and what it names as its backing, layer by layer, each admitted by the gate first.</summary>
/// <param name="gate">Admits each file.</param>
/// <param name="depth">How many layers there may be: where nobody knows, no more than a machine can work with.</param>
internal sealed class ChainOpener(IImageGate gate, int depth = ChainOpener.MaximumDepth)
{
    public const int MaximumDepth = 200;

    private readonly List<IImageLayer> _layers = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    public async Task<IReadOnlyList<IImageLayer>> OpenAsync(string path, CancellationToken cancellation)
    {
        try
        {
            _seen.Add(BackingName.Real(path));
            for (Qcow2Image? image = await AddImageAsync(path, cancellation); image?.Header.BackingFile is { } backing;)
                image = await AddBackingAsync(image, backing, cancellation);
            return _layers;
        }
        catch
        {
            foreach (IImageLayer layer in _layers)
                await layer.DisposeAsync();
            throw;
        }
    }

    private async Task<Qcow2Image> AddImageAsync(string path, CancellationToken cancellation)
    {
        Qcow2Image image = await Qcow2Image.OpenAsync(path, gate, cancellation);
        _layers.Add(image);
        return image;
    }

    private async Task<Qcow2Image?> AddBackingAsync(Qcow2Image overlay, string backing, CancellationToken cancellation)
    {
        string format = overlay.Header.BackingFormat ?? throw new MomentException(
            Qcow2Errors.Qcow2BackingFormatMissing, $"'{overlay.Path}' names the backing file '{backing}' without its format, and a format is never guessed.", overlay.Path,
            "Say it with 'qemu-img rebase -u -b BACKING -F FORMAT' once the image is not in use.");
        if (format is not ("qcow2" or "raw"))
        {
            throw new MomentException(
                Qcow2Errors.Qcow2BackingFormatUnsupported, $"'{overlay.Path}' names the backing file '{backing}' of format '{format}'; qcow2 and raw can be read.", overlay.Path,
                "Convert the backing file to qcow2, then say so with 'qemu-img rebase -u'.");
        }

        string path = gate.Admit(overlay.Path, backing, format);
        if (_layers.Count >= depth)
        {
            throw new MomentException(
                Qcow2Errors.Qcow2ChainTooDeep, $"'{_layers[0].Path}' stands on more than {depth} images.", _layers[0].Path,
                "Merge snapshots to make the chain shorter.");
        }

        if (!_seen.Add(BackingName.Real(path)))
        {
            throw new MomentException(
                Qcow2Errors.Qcow2ChainLoop, $"'{overlay.Path}' names '{path}' as its backing file, which stands on it: the chain has no end.", overlay.Path,
                "Give the image its true backing file with 'qemu-img rebase -u'.");
        }

        if (format == "qcow2")
            return await AddImageAsync(path, cancellation);
        _layers.Add(new RawLayer(ImageFile.Open(path)));
        return null;
    }
}
