BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Serving.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Stop-VMBlockExport' -Skip:(-not (Get-Command nbdcopy, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Disk "$place/a.qcow2"
        New-Disk "$place/b.qcow2"
        Register-VMDomain -Xml (Get-DomainXml web1 "$place/a.qcow2", "$place/b.qcow2") | Out-Null
        Start-VMDomain web1 -Paused | Out-Null
        $before = Get-ServingCount web1 $place
    }

    AfterEach {
        Stop-VMBlockExport web1 -Confirm:$false -ErrorAction Ignore
        Get-ServingCount web1 $place | Should -Be $before
    }

    It 'stops all of a machine, and gives nothing back' {
        Start-VMBlockExport web1 | Should -HaveCount 2
        Start-VMBlockExport web1 -Address tcp://127.0.0.1:0 | Should -HaveCount 2
        Stop-VMBlockExport web1 -Confirm:$false | Should -BeNullOrEmpty
        Get-VMBlockExport web1 | Should -BeNullOrEmpty
    }

    It 'stops one disk, and leaves the other' {
        $exports = Start-VMBlockExport web1
        Stop-VMBlockExport web1 -Disk vda -Confirm:$false -PassThru | ForEach-Object Disk | Should -Be vda
        Test-Client $exports[0].Uri | Should -BeFalse
        Test-Client $exports[1].Uri | Should -BeTrue
    }

    It 'stops one address, and leaves the other' {
        Start-VMBlockExport web1 | Out-Null
        $tcp = Start-VMBlockExport web1 -Address tcp://127.0.0.1:0
        Stop-VMBlockExport web1 -Address $tcp.ListenAddress[0] -Confirm:$false
        Get-VMBlockExport web1 | ForEach-Object ListenAddress | Select-Object -Unique | Should -BeLike 'unix:*'
        Test-Client $tcp[0].Uri | Should -BeFalse
    }

    It 'takes objects from the pipeline, each once' {
        $exports = Start-VMBlockExport web1
        $stopped = @($exports[0], $exports[1], $exports[0]) | Stop-VMBlockExport -Confirm:$false -PassThru
        $stopped.Disk | Sort-Object | Should -Be vda, vdb
    }

    It 'says with -WhatIf how many clients would lose it, and stops nothing' {
        $export = Start-VMBlockExport web1 -Disk vda -Address tcp://127.0.0.1:0
        $client = Start-SlowClient $export.Uri
        try {
            Wait-Until { (Get-VMBlockExport web1).Clients -eq 1 } | Should -BeTrue
            $said = pwsh -NoProfile -NonInteractive -Command "Import-Module '$(Get-ManifestPath)'; Stop-VMBlockExport web1 -WhatIf"
            $said -join ' ' | Should -Match '1 client is connected'
            (Get-VMBlockExport web1).State | Should -Be Ready
            Stop-VMBlockExport web1 -Confirm:$false
        }
        finally { $client.Kill(); $client.WaitForExit() }
    }

    It 'says that there is nothing to stop' {
        { Stop-VMBlockExport web1 -Address tcp://127.0.0.1:1 -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BlockExportNotFound,*'
        { Stop-VMBlockExport web1 -ExportName nothing -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BlockExportNotFound,*'
    }

    It 'ignores what a document says of snapshots and checkpoints' {
        $export = Start-VMBlockExport web1 -Disk vda -Address "unix://$place/x.sock"
        Stop-VMBlockExport web1 -Confirm:$false -Xml "<domainblockexport type='nbd'><address type='unix' socket='$place/x.sock'/><disk name='vda' snapshot='nothing' checkpoint='never'/></domainblockexport>"
        Test-Client $export.Uri | Should -BeFalse
    }

    It 'leaves no export behind when the machine stops' {
        Start-VMBlockExport web1 | Out-Null
        Stop-VMDomain web1 -Force -Confirm:$false | Out-Null
        Get-VMBlockExport web1 | Should -BeNullOrEmpty
        Start-VMDomain web1 -Paused | Out-Null
    }
}
