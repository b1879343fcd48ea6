BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Serving.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Start-VMBlockExport of a <_> machine' -ForEach stopped, running -Skip:(-not (Get-Command nbdcopy, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        $state = $_
        $vm = "e-$state"
        New-Machine $place $vm | Out-Null
        Write-Disk "$place/$vm.qcow2" 'write -P 17 1M 64k'
        if ($state -eq 'running') { Start-VMDomain $vm -Paused | Out-Null }
        New-VMCheckpoint $vm monday | Out-Null
        if ($state -eq 'running') { Write-LiveDisk $vm 'write -P 34 2M 64k' } else { Write-Disk "$place/$vm.qcow2" 'write -P 34 2M 64k' }
        $before = Get-ServingCount $vm $place
    }

    AfterEach {
        Stop-VMBlockExport $vm -Confirm:$false -ErrorAction Ignore
        Get-ServingCount $vm $place | Should -Be $before
    }

    It 'gives an object a disk, with what nbdcopy takes' {
        $export = Start-VMBlockExport $vm
        $export | Should -BeOfType ([MomentTools.VMBlockExport])
        $export.VM | Should -Be $vm
        $export.Disk | Should -Be vda
        $export.ExportName | Should -Be vda
        $export.Size | Should -Be 64MB
        $export.State | Should -Be Ready
        $export.Writable | Should -BeFalse
        $export.Tls | Should -BeFalse
        $export.Owner | Should -Be Machine
        $export.Contexts | Should -Contain base:allocation
        nbdinfo --size $export.Uri | Should -Be 64MB
        $export | ForEach-Object { nbdcopy $_.Uri "$place/copy.raw" }
        qemu-io -r -f raw -c 'read -P 17 1M 64k' -c 'read -P 34 2M 64k' -c 'read -P 0 3M 61M' "$place/copy.raw" | Out-String | Should -Not -Match 'fail'
    }

    It 'shows one instant, whatever is written after it' -Skip:($_ -ne 'running') {
        $export = Start-VMBlockExport $vm
        Write-LiveDisk $vm 'write -P 51 1M 2M'
        nbdcopy $export.Uri "$place/copy.raw"
        qemu-io -r -f raw -c 'read -P 17 1M 64k' -c 'read -P 34 2M 64k' "$place/copy.raw" | Out-String | Should -Not -Match 'fail'
        Write-LiveDisk $vm 'write -P 0 1M 2M', 'write -P 17 1M 64k', 'write -P 34 2M 64k'
    }

    It 'tells what changed since a moment to clients that nobody here wrote' {
        $export = Start-VMBlockExport $vm -Since monday
        $export.Since | Should -Be monday
        $export.Context | Should -BeLike 'qemu:dirty-bitmap:*'
        $export.Contexts | Should -Contain $export.Context
        $dirty = Get-DirtyBlock $export
        $dirty | Should -Contain 2MB
        $dirty | Should -Not -Contain 8MB
        (Get-VMCheckpoint $vm monday | ForEach-Object { Start-VMBlockExport $vm -Since $_ -ExportName second }).Since | Should -Be monday
    }

    It 'serves at any number of addresses at once' {
        $private = Start-VMBlockExport $vm
        $tcp = Start-VMBlockExport $vm -Address tcp://127.0.0.1:0
        $unix = Start-VMBlockExport $vm -Address "unix://$place/web.sock" -ExportName 'the disk'
        "$($tcp.Uri)" | Should -Match '^nbd://127\.0\.0\.1:\d+/vda$'
        "$($unix.Uri)" | Should -Be "nbd+unix:///the%20disk?socket=$place/web.sock"
        $private, $tcp, $unix | ForEach-Object { nbdinfo --size $_.Uri } | Should -Be 64MB, 64MB, 64MB
        @(Get-VMBlockExport $vm).Count | Should -Be 3
    }

    It 'takes names by disk' {
        (Start-VMBlockExport $vm -ExportName @{ vda = 'system' }).ExportName | Should -Be system
        (Start-VMBlockExport $vm -ExportName other).ExportName | Should -Be other
        { Start-VMBlockExport $vm -ExportName @{ vdz = 'x' } -ErrorAction Stop } | Should -Throw -ErrorId 'ExportDiskMissing,*'
        { Start-VMBlockExport $vm -Disk vda, vdb -ExportName x -ErrorAction Stop } | Should -Throw -ErrorId 'ExportNameAmbiguous,*'
    }

    It 'refuses a second export of one name at one address, and touches nothing' {
        Start-VMBlockExport $vm -Address "unix://$place/one.sock" | Out-Null
        $with = Get-ServingCount $vm $place
        { Start-VMBlockExport $vm -Address "unix://$place/one.sock" -ErrorAction Stop } | Should -Throw -ErrorId 'ExportNameTaken,*'
        Get-ServingCount $vm $place | Should -Be $with
    }

    It 'takes a document, and gives it back' {
        $xml = "<domainblockexport type='nbd'><address type='unix' socket='$place/x.sock'/><disk name='vda' checkpoint='monday' exportname='from xml'/></domainblockexport>"
        $export = Start-VMBlockExport $vm -Xml $xml
        $export.ExportName | Should -Be 'from xml'
        $export.Since | Should -Be monday
        $again = Get-VMBlockExport $vm -AsXml
        ([xml]$again).domainblockexport.disk.exportname | Should -Be 'from xml'
        Set-Content "$place/export.xml" $again
        Stop-VMBlockExport $vm -Path "$place/export.xml" -Confirm:$false
        Get-VMBlockExport $vm | Should -BeNullOrEmpty
        (Start-VMBlockExport $vm -Path "$place/export.xml").ListenAddress | Should -Be "unix://$place/x.sock"
    }

    It 'touches nothing with -WhatIf' {
        Start-VMBlockExport $vm -WhatIf | Should -BeNullOrEmpty
        Get-ServingCount $vm $place | Should -Be $before
    }

    It 'says what is wrong with <Name>' -ForEach @(
        @{ Name = 'a disk that is not there'; Arguments = @{ Disk = 'vdz' }; Id = 'DiskNotInDomain' }
        @{ Name = 'a disk given twice'; Arguments = @{ Disk = 'vda', 'vda' }; Id = 'DiskNamedTwice' }
        @{ Name = 'a moment that is not there'; Arguments = @{ Since = 'mondey' }; Id = 'MomentNotFound' }
        @{ Name = 'a block snapshot that is not there'; Arguments = @{ Snapshot = 'nothing' }; Id = 'BlockSnapshotNotFound' }
        @{ Name = 'an address of no known kind'; Arguments = @{ Address = 'http://x' }; Id = '*Address*' }
        @{ Name = 'a port that is none'; Arguments = @{ Address = 'tcp://127.0.0.1:77777' }; Id = '*Address*' }
        @{ Name = 'a socket by a relative path'; Arguments = @{ Address = 'unix:web.sock' }; Id = '*Address*' }
        @{ Name = 'an address with an export in it'; Arguments = @{ Address = 'nbd://127.0.0.1/vda' }; Id = '*Address*' }
        @{ Name = 'the address of another host'; Arguments = @{ Address = 'tcp://192.0.2.77:10809' }; Id = '*' }
        @{ Name = 'a directory that is not there'; Arguments = @{ Address = 'unix:///nowhere/at/all.sock' }; Id = '*' }
        @{ Name = 'every address, without TLS'; Arguments = @{ Address = 'tcp://0.0.0.0:0' }; Id = 'ExportUnencrypted' }
        @{ Name = 'every address of both kinds, without TLS'; Arguments = @{ Address = 'tcp://[::]:0' }; Id = 'ExportUnencrypted' }
        @{ Name = 'certificates and keys at once'; Arguments = @{ TlsX509 = '/x'; TlsPsk = '/y' }; Id = 'ExportRequestMixed' }
        @{ Name = 'a document that is none'; Arguments = @{ Xml = '<domainblockexport' }; Id = 'XmlMalformed' }
    ) {
        { Start-VMBlockExport $vm @Arguments -ErrorAction Stop } | Should -Throw -ErrorId "$Id,*"
        Get-VMBlockExport $vm | Should -BeNullOrEmpty
    }

    It 'listens everywhere where that is said, and gives an address that can be reached' {
        $export = Start-VMBlockExport $vm -Address tcp://0.0.0.0:0 -AllowUnencrypted
        "$($export.Uri)" | Should -Not -Match '0\.0\.0\.0'
        Test-Client $export.Uri | Should -BeTrue
    }

    It 'holds a stopped machine back, and says so' -Skip:($_ -ne 'stopped') {
        Start-VMBlockExport $vm | Out-Null
        Start-VMDomain $vm -Paused -ErrorVariable refused -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        "$($refused[0]) $($refused[0].ErrorDetails.RecommendedAction)" | Should -Match 'Stop-VMBlockExport'
        (Get-VMBlockExport $vm).State | Should -Be Ready
    }

    It 'is writable where that is said, and only for a stopped machine' {
        if ($state -eq 'running') {
            { Start-VMBlockExport $vm -Writable -ErrorAction Stop } | Should -Throw -ErrorId 'ExportWritableRefused,*'
        }
        else {
            (Start-VMBlockExport $vm -Writable).Writable | Should -BeTrue
            $uri = (Get-VMBlockExport $vm).Uri
            qemu-io -f raw -c 'write -P 99 8M 64k' "$uri" | Out-String | Should -Not -Match 'fail'
            Stop-VMBlockExport $vm -Confirm:$false
            qemu-io -r -f qcow2 -c 'read -P 99 8M 64k' "$place/$vm.qcow2" | Out-String | Should -Not -Match 'fail'
        }
    }

    It 'takes no more clients than are allowed' {
        $export = Start-VMBlockExport $vm -Address tcp://127.0.0.1:0 -MaxConnections 1
        $client = Start-SlowClient $export.Uri
        # QEMU lets the next one wait.
        try { Test-Client $export.Uri -Seconds 2 | Should -BeFalse } finally { $client.Kill(); $client.WaitForExit() }
        Wait-Until { Test-Client $export.Uri } | Should -BeTrue
    }
}

Describe 'Start-VMBlockExport of a block snapshot' -Skip:(-not (Get-Command nbdcopy, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place snapped | Out-Null
        Start-VMDomain snapped -Paused | Out-Null
        $before = Get-ServingCount snapped $place
        $snapshot = New-VMBlockSnapshot snapped tonight
    }

    AfterAll {
        Remove-VMBlockSnapshot snapped tonight -Confirm:$false
        Get-ServingCount snapped $place | Should -Be $before
    }

    It 'takes the object from the pipeline, names it, and leaves it when it stops' {
        $export = $snapshot | Start-VMBlockExport
        $export.Snapshot | Should -Be tonight
        $export.ExportName | Should -Be vda-tonight
        $export.Owner | Should -Be Machine
        $export | Stop-VMBlockExport -Confirm:$false
        (Get-VMBlockSnapshot snapped).Name | Should -Be tonight
    }

    It 'takes its name' {
        $export = Start-VMBlockExport snapped -Snapshot tonight -ExportName plain
        nbdinfo --size $export.Uri | Should -Be 64MB
        $export | Stop-VMBlockExport -Confirm:$false
    }

    It 'completes block snapshots, moments, disks and addresses' {
        function Complete([string] $Line) { (TabExpansion2 $Line).CompletionMatches.CompletionText }
        Complete 'Start-VMBlockExport snapped -Snapshot t' | Should -Be tonight
        Complete 'Start-VMBlockExport snapped -Disk ' | Should -Be vda
        Complete 'Start-VMBlockExport snapped -Address tcp://127' | Should -Be tcp://127.0.0.1:0
        Complete 'Start-VMBlockExport snapped -Address ' | Should -Contain "'tcp://[::1]:0'"
    }
}

Describe 'Start-VMBlockExport of a backup' -Skip:(-not (Get-Command nbdcopy, qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place backed | Out-Null
        Write-Disk "$place/backed.qcow2" 'write -P 17 1M 64k'
        $full = Backup-VMDomain backed "$place/repo"
        Write-Disk "$place/backed.qcow2" 'write -P 34 1M 64k'
        Backup-VMDomain backed "$place/repo" | Out-Null
        $before = Get-ServingCount backed $place
    }

    AfterEach {
        Stop-VMBlockExport backed -Confirm:$false -ErrorAction Ignore
        Get-ServingCount backed $place | Should -Be $before
    }

    It 'takes the object from the pipeline' {
        $export = $full | Start-VMBlockExport
        $export.Backup | Should -Be $full.Id
        nbdcopy $export.Uri "$place/copy.raw"
        qemu-io -r -f raw -c 'read -P 17 1M 64k' "$place/copy.raw" | Out-String | Should -Not -Match 'fail'
    }

    It 'takes the newest where none is named, and the machine can run meanwhile' {
        $export = Start-VMBlockExport backed -Repository "$place/repo"
        nbdcopy $export.Uri "$place/copy.raw"
        qemu-io -r -f raw -c 'read -P 34 1M 64k' "$place/copy.raw" | Out-String | Should -Not -Match 'fail'
        Start-VMDomain backed -Paused | Out-Null
        Test-Client $export.Uri | Should -BeTrue
        Stop-VMDomain backed -Force -Confirm:$false | Out-Null
    }
}
