BeforeDiscovery {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'The manifest' {
    BeforeAll { $manifest = Test-ModuleManifest (Get-ManifestPath) -WarningVariable warnings -ErrorAction Stop }

    It 'is without a warning' { $warnings | Should -BeNullOrEmpty }

    It 'asks for PowerShell 7.6, Core' {
        $manifest.PowerShellVersion | Should -Be ([version]'7.6')
        $manifest.CompatiblePSEditions | Should -Be Core
    }

    It 'says what the gallery wants to know' {
        $data = $manifest.PrivateData.PSData
        'Tags', 'LicenseUri', 'ProjectUri', 'ReleaseNotes' | ForEach-Object { $data[$_] | Should -Not -BeNullOrEmpty -Because $_ }
        'Author', 'Description', 'Copyright' | ForEach-Object { $manifest.$_ | Should -Not -BeNullOrEmpty -Because $_ }
        $data.Tags | ForEach-Object { $_ | Should -Match '^\S+$' }
        $data.Tags | Should -Contain PSEdition_Core
        $data.Tags | Should -Contain Linux
        # What is not there is not promised: no icon, and no updatable help.
        $data.IconUri | Should -BeNullOrEmpty
        $manifest.HelpInfoUri | Should -BeNullOrEmpty
        "$($manifest.PrivateData.PSData.ReleaseNotes)".Length | Should -BeGreaterThan 100
    }

    It 'lists the files of the module, all of them and no other' {
        $root = Split-Path (Get-ManifestPath)
        $there = (Get-ChildItem $root -File -Recurse).ForEach{ [IO.Path]::GetRelativePath($root, $_.FullName) }
        (Import-PowerShellDataFile (Get-ManifestPath)).FileList | Sort-Object | Should -Be ($there | Sort-Object)
    }

    It 'has no dependency, and asks for nothing' {
        $manifest.RequiredModules | Should -BeNullOrEmpty
        $manifest.Scripts | Should -BeNullOrEmpty
        $manifest.ExportedAliases.Keys | Should -BeNullOrEmpty
        $manifest.PrivateData.PSData.RequireLicenseAcceptance | Should -BeFalse
    }

    It 'exports names, and no wildcards' {
        $raw = Import-PowerShellDataFile (Get-ManifestPath)
        $raw.CmdletsToExport | Should -Not -Contain '*'
        $raw.FunctionsToExport | Should -BeNullOrEmpty
        $raw.AliasesToExport | Should -BeNullOrEmpty
        (Get-Command -Module MomentTools).Name | Sort-Object | Should -Be ($raw.CmdletsToExport | Sort-Object)
    }

    It 'brings no assembly of PowerShell' {
        (Get-ChildItem (Split-Path (Get-ManifestPath)) -Filter *.dll).Name | Sort-Object | Should -Be MomentTools.dll, MomentTools.Engine.dll
    }
}

Describe 'The import' {
    It 'takes at most 150 ms' {
        $fastest = 1..5 | ForEach-Object {
            [double](pwsh -NoProfile -Command "(Measure-Command { Import-Module '$(Get-ManifestPath)' }).TotalMilliseconds.ToString([cultureinfo]::InvariantCulture)")
        } | Sort-Object | Select-Object -First 1
        $fastest | Should -BeLessOrEqual 150
    }

    It 'comes by name and by its first command from PSModulePath, without an error and with its views' {
        $before = $env:PSModulePath
        $env:PSModulePath = (Split-Path (Split-Path (Split-Path (Get-ManifestPath)))) + [IO.Path]::PathSeparator + $before
        try {
            pwsh -NoProfile -Command 'Import-Module MomentTools; "$($Error.Count) $((Get-FormatData MomentTools.*).Count -gt 5)"' | Should -Be '0 True'
            pwsh -NoProfile -Command '$null = Get-VMBitmap -Path /nowhere -ErrorAction Ignore; (Get-Command Get-VMBitmap).Source' | Should -Be MomentTools
        } finally { $env:PSModulePath = $before }
    }

    It 'is silent where no alias hides a command' {
        pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)' 3>&1" | Should -BeNullOrEmpty
    }

    It 'warns about an alias that hides a command' {
        $said = pwsh -NoProfile -Command "Set-Alias Get-VMCheckpoint Get-Item; Import-Module '$(Get-ManifestPath)' 3>&1; (MomentTools\Get-VMDomain).Count"
        $said -join ' ' | Should -Match 'The alias Get-VMCheckpoint .* hides'
        $said[-1] | Should -Be 0
    }

    It 'warns about a function that hides a command, and about each thing that does' {
        $said = pwsh -NoProfile -Command "function Get-VMDomain { }; Set-Alias Stop-VMDomain Get-Item; Import-Module '$(Get-ManifestPath)' 3>&1"
        $said | Should -HaveCount 2
        $said[0] | Should -Match 'The function Get-VMDomain hides'
        $said[1] | Should -Match 'The alias Stop-VMDomain .* hides'
    }

    It 'takes a prefix, with which nothing is hidden: <How>' -ForEach @(
        @{ How = '-Prefix QM' }
        @{ How = '-pre:QM' }
        @{ How = '@splat' }
        @{ How = '-Prefix $prefix' }
    ) {
        $script = "Set-Alias Get-VMCheckpoint Get-Item; `$prefix = 'QM'; `$splat = @{ Prefix = 'QM' }; Import-Module '$(Get-ManifestPath)' $How 3>&1; (Get-Command Get-QMVMCheckpoint).Source; MomentTools\Get-VMDomain -ErrorAction Stop"
        pwsh -NoProfile -Command $script | Should -Be MomentTools
    }

    It 'warns about an alias that hides a command with its prefix' {
        $said = pwsh -NoProfile -Command "Set-Alias Get-QMVMCheckpoint Get-Item; Import-Module '$(Get-ManifestPath)' -Prefix QM 3>&1"
        $said | Should -Match 'The alias Get-QMVMCheckpoint .* hides the cmdlet Get-VMCheckpoint .* another prefix'
    }

    It 'loads its two assemblies, no module, and nothing else; nor does a first command' {
        $script = "function Loaded { [AppDomain]::CurrentDomain.GetAssemblies().ForEach{ `$_.GetName().Name } }
            function Modules { @(Get-Module).ForEach{ `$_.Name } }
            `$modules = Modules; `$before = Loaded
            Import-Module '$(Get-ManifestPath)'
            (Loaded).Where{ `$_ -notin `$before } -join ' '
            (Modules).Where{ `$_ -notin `$modules } -join ' '
            `$before = Loaded
            Get-VMDomain
            (Loaded).Where{ `$_ -notin `$before -and `$_ -notmatch '^System\.' } -join ' '"
        $said = pwsh -NoProfile -Command $script
        $said[0] | Should -Be 'MomentTools MomentTools.Engine'
        $said[1] | Should -Be MomentTools
        $said[2] | Should -BeNullOrEmpty
    }

    It 'starts nothing, and writes nothing' {
        $before = $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR
        $env:MOMENTTOOLS_HOME = "$place/unused"; $env:XDG_RUNTIME_DIR = "$place/unusedrun"
        try { pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)'; Get-VMDomain" } finally { $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR = $before }
        "$place/unused", "$place/unusedrun" | Should -Not -Exist
    }

    It 'works in two runspaces at once' {
        $manifestPath = Get-ManifestPath
        1..4 | ForEach-Object -Parallel {
            Import-Module $using:manifestPath
            try { Get-VMDomain "nosuch$_" -ErrorAction Stop } catch { $_.FullyQualifiedErrorId }
        } | Should -Be (@('VMNotFound,MomentTools.Cmdlets.GetVMDomainCommand') * 4)
    }
}

Describe 'Completion' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place web1 | Out-Null
        New-Machine $place 'my web' | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
        New-VMCheckpoint 'my web' tuesday | Out-Null
        function Complete([string] $Line) { @((TabExpansion2 $Line).CompletionMatches.CompletionText) }
    }

    It 'of <Line> offers <Expected>' -ForEach @(
        @{ Line = 'Get-VMDomain '; Expected = "'my web'", 'web1' }
        @{ Line = 'Get-VMDomain WE'; Expected = 'web1' }
        @{ Line = 'Get-VMDomain *eb'; Expected = "'my web'", 'web1' }
        @{ Line = "Get-VMDomain 'm"; Expected = "'my web'" }
        @{ Line = 'Get-VMDomain "m'; Expected = '"my web"' }
        @{ Line = 'Get-VMCheckpoint web1 '; Expected = 'monday' }
        @{ Line = "Remove-VMCheckpoint 'my web' "; Expected = 'tuesday' }
        @{ Line = 'Get-VMChangedBlock web1 -Since m'; Expected = 'monday' }
        @{ Line = 'Get-VMChangedBlock -Since '; Expected = 'monday', 'tuesday' }
        @{ Line = "Get-VMCheckpoint web1, 'my web' -Name "; Expected = 'monday', 'tuesday' }
        @{ Line = 'Get-VMMoment web1 -From mon'; Expected = 'monday' }
        @{ Line = 'New-VMCheckpoint web1 -Disk '; Expected = 'vda' }
        @{ Line = 'Get-VMMoment web1 -Kind '; Expected = 'Checkpoint', 'Snapshot' }
    ) {
        Complete $Line | Sort-Object | Should -Be ($Expected | Sort-Object)
    }

    It 'tells more than the name in its tip' {
        (TabExpansion2 'Get-VMCheckpoint web1 ').CompletionMatches[0].ToolTip | Should -Match 'web1'
    }

    It 'offers nothing, and does not fail, where the records cannot be read' {
        $before = $env:MOMENTTOOLS_HOME
        $env:MOMENTTOOLS_HOME = '/dev/null/nowhere'
        try { (TabExpansion2 'Stop-VMDomain -VM w').CompletionMatches | Where-Object CompletionText -Like 'web*' | Should -BeNullOrEmpty }
        finally { $env:MOMENTTOOLS_HOME = $before }
    }
}

Describe 'The views' {
    BeforeDiscovery {
        $long = 'a-name-that-is-much-longer-than-any-column-is-wide-and-goes-on'
        $objects = @(
            [MomentTools.VMDisk]@{ Name = 'vda'; Path = "/images/$long.qcow2"; Format = 'qcow2'; Size = 10GB; Reason = $long; Current = $long }
            [MomentTools.VMDomain]@{ Name = $long; Uuid = [guid]::NewGuid(); State = 'Running'; Current = $long; Moments = 1000; Pending = $long }
            [MomentTools.VMMomentDisk]@{ Name = 'vda'; Bitmap = $long; Size = 1536; Granularity = 65536; State = 'Inconsistent'; Problem = $long }
            [MomentTools.VMCheckpoint]@{ VM = $long; Name = $long; Parent = $long; Created = [datetimeoffset]::Now; Current = $true
                Disks = [MomentTools.VMMomentDisk[]]@([MomentTools.VMMomentDisk]@{ Name = 'vda'; State = 'Missing'; Problem = $long }) }
            [MomentTools.VMSnapshot]@{ VM = $long; Name = $long; Parent = $long; Created = [datetimeoffset]::Now; Current = $true; State = 'disk-snapshot'; Location = 'External'
                Disks = [MomentTools.VMMomentDisk[]]@([MomentTools.VMMomentDisk]@{ Name = 'vda'; State = 'Missing'; Problem = $long }) }
            [MomentTools.VMBranchDisk]@{ Name = 'vda'; Path = "/images/$long.qcow2"; Layer = '0123456789ab'; Size = 10GB; Current = $long; Snapshot = $long }
            [MomentTools.VMBranch]@{ VM = $long; Name = $long; Start = $long; Created = [datetimeoffset]::Now; Current = $long; State = 'PowerCut'; Memory = "/images/$long.mem" }
            [MomentTools.VMBranchRemoval]@{ VM = $long; Name = $long; Bytes = 10GB; Files = [string[]]@("/images/$long.qcow2"); Snapshots = [string[]]@($long) }
            [MomentTools.VMBitmap]@{ VM = $long; Disk = 'vda'; Path = "/images/$long.qcow2"; Name = $long; Granularity = 65536; Size = 1MB; State = 'Recording'; Owner = $long }
            [MomentTools.VMChangedBlock]@{ VM = $long; Disk = 'vda'; Offset = [long]::MaxValue; Length = 1099511627776; Kind = 'Data' }
            [MomentTools.VMChangedBlockMeasure]@{ VM = $long; Disk = 'vda'; Since = $long; Bytes = 1MB; Count = 100000; DiskSize = 10GB }
            [MomentTools.VMBackupDisk]@{ Name = 'vda'; Kind = 'Full'; Path = "/backup/$long"; Size = 10GB; StoredSize = 1MB; CopiedBytes = 1MB; Reason = $long }
            [MomentTools.VMBackup]@{ VM = $long; Id = '20261121T023714Z-ab12'; Kind = 'Incremental'; Created = [datetimeoffset]::Now; Repository = "/backup/$long"; Uuid = [guid]::NewGuid() }
            [MomentTools.VMMomentRepair]@{ Action = $long; Left = $true
                Finding = [MomentTools.VMMomentFinding]@{ Id = 'MomentFileUnreadable'; Severity = 'Error'; VM = $long; Moment = $long; Disk = 'vda'; Text = $long; Remedy = $long } }
            [MomentTools.VMBlockExport]@{ VM = $long; Disk = 'vda'; ExportName = $long; Uri = "nbd+unix:///$($long)?socket=/run/$long"; Id = '0123456789ab'; ListenAddress = "unix:///run/$long"; Size = 10GB; Clients = 1000
                State = 'Expired'; Reason = $long; Snapshot = $long; Contexts = [string[]]@('base:allocation', "qemu:dirty-bitmap:$long"); Created = [datetimeoffset]::Now }
            [MomentTools.VMRestoredDisk]@{ VM = $long; BackupId = '20261121T023714Z-ab12'; Disk = 'vda'; Path = "/restore/$long"; Format = 'qcow2'; Size = 10GB }
        )
        $views = $objects | ForEach-Object { @{ Type = $_.GetType().Name; Object = $_ } }
    }

    It 'of <Type> is a table of at most 80 columns' -ForEach $views {
        $lines = Get-View $Object
        ($lines -match '^(-+ *){3,}').Count | Should -Be 1 -Because 'a table has a line below its heads'
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
        $heads = $lines -match '^\S' | Select-Object -First 1
        $heads | Should -Not -Match 'Text|Mark' -Because 'heads have labels'
    }

    It 'of <Type> is a list, too' -ForEach $views {
        $lines = Get-View $Object -Format { $input | Format-List | Out-String -Width 80 }
        ($lines -match '^\w+ +: ').Count | Should -BeGreaterThan 4
    }

    It 'of <Type> adds nothing to the object' -ForEach $views {
        ($Object | Select-Object *).PSObject.Properties.Name | Where-Object { $_ -cmatch 'Text$|Mark$|^Note$' } | Should -BeNullOrEmpty
    }

    It 'show sizes in units, and keep numbers underneath' {
        $bitmap = [MomentTools.VMBitmap]@{ Path = '/x'; Name = 'b'; Granularity = 65536; Size = 1536; State = 'Recording' }
        Get-View $bitmap | Select-Object -Last 1 | Should -Match '64 KiB +1.5 KiB'
        $bitmap.Size | Should -BeOfType ([long])
    }

    It 'show checkpoints and snapshots of one list in one table, and snapshots alone with what they are' {
        New-Machine $place both | Out-Null
        New-VMCheckpoint both monday | Out-Null
        New-VMSnapshot both clean | Out-Null
        New-VMCheckpoint both tuesday | Out-Null
        ((Get-View (Get-VMMoment both)) -match '^(-+ *){3,}').Count | Should -Be 1
        Get-View (Get-VMSnapshot both) | Select-Object -Last 1 | Should -Match 'clean .* shutoff +External'
        Get-View (Get-VMBranch both) | Select-Object -Last 1 | Should -Match '^main .* Now$'
    }

    It 'show health' {
        $moment = [MomentTools.VMCheckpoint]@{ VM = 'web1'; Name = 'monday'; Created = [datetimeoffset]::Now
            Disks = [MomentTools.VMMomentDisk[]]@([MomentTools.VMMomentDisk]@{ Name = 'vda'; State = 'Missing'; Problem = 'vda: lost' }) }
        Get-View $moment | Select-Object -Last 1 | Should -Match '! no bitmap'
    }
}
