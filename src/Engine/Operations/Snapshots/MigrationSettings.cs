using MomentTools.Qmp;

namespace MomentTools.Operations.Snapshots;

/// <summary>QEMU's settings of migration for the time in which a memory is saved: afterwards they are as they were.</summary>
internal sealed class MigrationSettings : IAsyncDisposable
{
    // As fast as the file can be written: nothing else waits for this line.
    private const long Bandwidth = 1L << 40;

    // QEMU's own (migration/migration.c).
    private const long DefaultBandwidth = 128L << 20;

    private const string Pause = "pause-before-switchover";

    // One plain stream, that any QEMU loads with all capabilities off; and the pause in which the disks are switched.
    private static readonly string[] Needed = ["events", Pause];
    private static readonly string[] Foreign = ["multifd", "postcopy-ram", "compress", "xbzrle", "block", "x-colo", "background-snapshot", "return-path", "zero-copy-send", "release-ram", "x-ignore-shared", "dirty-bitmaps"];

    private readonly QmpClient _qmp;
    private readonly IReadOnlyDictionary<string, bool> _before;
    private readonly long _bandwidth;

    private MigrationSettings(QmpClient qmp, IReadOnlyDictionary<string, bool> before, long bandwidth)
    {
        _qmp = qmp;
        _before = before;
        _bandwidth = bandwidth;
    }

    public static async Task<MigrationSettings> SetAsync(QmpClient qmp, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, bool> now = await qmp.QueryMigrateCapabilitiesAsync(cancellation);
        var changed = Needed.Select(name => (name, on: true)).Concat(Foreign.Select(name => (name, on: false)))
            .Where(one => now.GetValueOrDefault(one.name, !one.on) != one.on && (one.on || now.ContainsKey(one.name))).ToDictionary(one => one.name, one => one.on, StringComparer.Ordinal);
        var settings = new MigrationSettings(qmp, changed.ToDictionary(one => one.Key, one => !one.Value, StringComparer.Ordinal), await qmp.QueryMigrateBandwidthAsync(cancellation));
        if (changed.Count > 0)
            await qmp.MigrateSetCapabilitiesAsync(changed, cancellation);
        await qmp.MigrateSetBandwidthAsync(Bandwidth, cancellation);
        return settings;
    }

    /// <summary>After the death of the process that set them, as it could not put them back: a migration waits no more before its end.</summary>
    public static async Task ResetAsync(QmpClient qmp, CancellationToken cancellation)
    {
        // Events may be somebody else's wish, as libvirt's, and harm nobody.
        await qmp.MigrateSetCapabilitiesAsync(new Dictionary<string, bool>(StringComparer.Ordinal) { [Pause] = false }, cancellation);
        await qmp.MigrateSetBandwidthAsync(DefaultBandwidth, cancellation);
    }

    /// <summary>Puts them back; where QEMU is gone there is nothing to put back.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _qmp.MigrateSetBandwidthAsync(_bandwidth, CancellationToken.None);
            if (_before.Count > 0)
                await _qmp.MigrateSetCapabilitiesAsync(_before, CancellationToken.None);
        }
        catch (Errors.MomentException failure) when (failure.ErrorId == QmpErrors.QmpConnectionLost || failure.ErrorId == QmpErrors.QmpCommandFailed)
        {
            // What went before is what is to be told; settings of a migration change no data.
        }
    }
}
