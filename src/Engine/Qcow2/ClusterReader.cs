using System.Buffers;
using System.IO.Compression;
using MomentTools.Errors;

namespace MomentTools.Qcow2;

/// <summary>Fetches the bytes that a mapping stands for: plain, from the external data file, or decompressed.</summary>
internal sealed class ClusterReader(ImageFile file, ImageFile? dataFile, Qcow2Header header)
{
    /// <summary>Fills the buffer from the run's beginning.</summary>
    public async ValueTask ReadAsync(Qcow2Mapping mapping, Memory<byte> buffer, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(buffer.Length, mapping.Length, nameof(buffer));
        switch (mapping)
        {
            case Qcow2Mapping.Zero:
                buffer.Span.Clear();
                break;
            case Qcow2Mapping.Data data:
                RefuseEncrypted();
                await ReadDataAsync(data, buffer, cancellation);
                break;
            case Qcow2Mapping.Compressed compressed:
                RefuseEncrypted();
                await ReadCompressedAsync(compressed, buffer, cancellation);
                break;
            default:
                throw new ArgumentException("What a layer does not hold cannot be read from it.", nameof(mapping));
        }
    }

    private async ValueTask ReadDataAsync(Qcow2Mapping.Data data, Memory<byte> buffer, CancellationToken cancellation)
    {
        if (buffer.IsEmpty)
            return;
        if (header.HasDataFile)
        {
            // A data file is as long as what was written to it; the rest of the disk reads as zeroes.
            int present = await DataFile().ReadAsync(data.Host.Value, buffer, cancellation);
            buffer.Span[present..].Clear();
            return;
        }

        // Only the last cluster of a file may be there in part; one that is not there at all was lost.
        long last = (data.Host.Value + buffer.Length - 1) & -header.ClusterSize;
        if (!file.Holds(last, 1))
            throw Qcow2Errors.Truncated(file.Path, "data", data.Host.Value, buffer.Length, file.Length);
        int read = await file.ReadAsync(data.Host.Value, buffer, cancellation);
        buffer.Span[read..].Clear();
    }

    private async ValueTask ReadCompressedAsync(Qcow2Mapping.Compressed mapping, Memory<byte> buffer, CancellationToken cancellation)
    {
        if (!file.Holds(mapping.Host.Value, 1))
            throw Qcow2Errors.Truncated(file.Path, "compressed data", mapping.Host.Value, mapping.CompressedLength, file.Length);
        byte[] packed = ArrayPool<byte>.Shared.Rent(mapping.CompressedLength);
        byte[] cluster = ArrayPool<byte>.Shared.Rent(header.ClusterSize);
        try
        {
            // The last sector of a file need not be there whole.
            int read = await file.ReadAsync(mapping.Host.Value, packed.AsMemory(0, mapping.CompressedLength), cancellation);
            Decompress(mapping, packed, read, cluster.AsSpan(0, header.ClusterSize));
            int start = (int)(mapping.Offset.Value & (header.ClusterSize - 1));
            cluster.AsSpan(start, buffer.Length).CopyTo(buffer.Span);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
            ArrayPool<byte>.Shared.Return(cluster);
        }
    }

    private void Decompress(Qcow2Mapping.Compressed mapping, byte[] packed, int length, Span<byte> cluster)
    {
        try
        {
            if (header.CompressionType == CompressionType.Zstd)
            {
                if (!Zstd.TryDecompress(packed.AsSpan(0, length), cluster))
                    throw Qcow2Errors.ClusterInvalid(file.Path, mapping.Offset, "it is not a whole cluster compressed with zstd");
                return;
            }

            using var inflate = new DeflateStream(new MemoryStream(packed, 0, length), CompressionMode.Decompress);
            inflate.ReadExactly(cluster);
        }
        catch (Exception failure) when (failure is InvalidDataException or EndOfStreamException)
        {
            throw Qcow2Errors.ClusterInvalid(file.Path, mapping.Offset, "it is not a whole cluster compressed with deflate", failure);
        }
        catch (Exception failure) when (failure is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new MomentException(
                Qcow2Errors.Qcow2ZstdMissing, $"'{file.Path}' is compressed with zstd, and the system's zstd library cannot be loaded.", file.Path,
                "Install libzstd (package libzstd1 on Debian).", failure);
        }
    }

    private ImageFile DataFile() => dataFile ?? throw new MomentException(
        Qcow2Errors.Qcow2DataFileMissing,
        header.DataFile is { } name
            ? $"The data of '{file.Path}' lies in its external data file '{name}', which was not opened."
            : $"The data of '{file.Path}' lies in an external data file, and the image does not name it.",
        file.Path,
        "Read the disk through its machine, or name the data file in the image with 'qemu-img amend -o data_file=PATH'.");

    private void RefuseEncrypted()
    {
        if (header.IsEncrypted)
        {
            throw new MomentException(
                Qcow2Errors.Qcow2Encrypted, $"The data of '{file.Path}' is encrypted.", file.Path,
                "Start the machine and read the disk through it; images are not decrypted here.");
        }
    }
}
