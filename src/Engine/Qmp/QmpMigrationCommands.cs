using System.Text.Json;
using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>Migration, as far as a machine's memory is saved and loaded with it.</summary>
internal static class QmpMigrationCommands
{
    /// <summary>How the last migration is doing (<c>query-migrate</c>).</summary>
    public static async Task<QmpMigration> QueryMigrateAsync(this QmpClient qmp, CancellationToken cancellation) =>
        QmpMigration.Read(new QmpValue("query-migrate", await qmp.ExecuteAsync("query-migrate", null, cancellation)));

    /// <summary>Begins one (<c>migrate</c>); it goes on after the reply.</summary>
    public static Task MigrateAsync(this QmpClient qmp, string uri, CancellationToken cancellation) =>
        qmp.ExecuteAsync("migrate", new JsonObject { ["uri"] = uri }, cancellation);

    /// <summary>Lets one go on that waits before its end (<c>migrate-continue</c>).</summary>
    public static Task MigrateContinueAsync(this QmpClient qmp, string state, CancellationToken cancellation) =>
        qmp.ExecuteAsync("migrate-continue", new JsonObject { ["state"] = state }, cancellation);

    /// <summary>Gives one up (<c>migrate_cancel</c>); nothing where none is under way.</summary>
    public static Task MigrateCancelAsync(this QmpClient qmp, CancellationToken cancellation) => qmp.ExecuteAsync("migrate_cancel", null, cancellation);

    /// <summary>The capabilities and whether each is on.</summary>
    public static async Task<IReadOnlyDictionary<string, bool>> QueryMigrateCapabilitiesAsync(this QmpClient qmp, CancellationToken cancellation)
    {
        JsonElement reply = await qmp.ExecuteAsync("query-migrate-capabilities", null, cancellation);
        return new QmpValue("query-migrate-capabilities", reply).List(one => (Name: one["capability"].Text, On: one["state"].Flag))
            .ToDictionary(one => one.Name, one => one.On, StringComparer.Ordinal);
    }

    public static Task MigrateSetCapabilitiesAsync(this QmpClient qmp, IReadOnlyDictionary<string, bool> capabilities, CancellationToken cancellation) =>
        qmp.ExecuteAsync(
            "migrate-set-capabilities",
            new JsonObject { ["capabilities"] = new JsonArray([.. capabilities.Select(one => new JsonObject { ["capability"] = one.Key, ["state"] = one.Value })]) },
            cancellation);

    /// <summary>The limit of migrations in bytes a second.</summary>
    public static async Task<long> QueryMigrateBandwidthAsync(this QmpClient qmp, CancellationToken cancellation) =>
        new QmpValue("query-migrate-parameters", await qmp.ExecuteAsync("query-migrate-parameters", null, cancellation))["max-bandwidth"].Size;

    public static Task MigrateSetBandwidthAsync(this QmpClient qmp, long bytes, CancellationToken cancellation) =>
        qmp.ExecuteAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = bytes }, cancellation);
}
