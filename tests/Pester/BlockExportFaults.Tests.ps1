# What goes wrong around an export, seen from outside: by clients, by other sessions, and by a count of what is left.
BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Serving.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'A block export of a <_> machine' -ForEach stopped, running -Skip:(-not (Get-Command nbdcopy, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        $state = $_
        $vm = "f-$state"
        New-Machine $place $vm | Out-Null
        Write-Disk "$place/$vm.qcow2" 'write -P 17 0 32M'
        New-VMCheckpoint $vm monday | Out-Null
        if ($state -eq 'running') { Start-VMDomain $vm -Paused | Out-Null }
        $before = Get-ServingCount $vm $place
    }

    AfterEach {
        Stop-VMBlockExport $vm -Confirm:$false -ErrorAction Ignore
        Get-ServingCount $vm $place | Should -Be $before
    }

    It 'serves the next client after one was killed in the middle of a read, <Where>' -ForEach @{ Where = 'on its own socket'; Address = $null }, @{ Where = 'on a port'; Address = 'tcp://127.0.0.1:0' } {
        $arguments = $Address ? @{ Address = $Address } : @{}
        $export = Start-VMBlockExport $vm -Since monday @arguments
        $client = Start-SlowClient $export.Uri
        $client.Kill()
        $client.WaitForExit()
        Wait-Until { (Get-VMBlockExport $vm).Clients -eq 0 } | Should -BeTrue
        nbdcopy $export.Uri "$place/copy.raw"
        qemu-io -r -f raw -c 'read -P 17 0 32M' -c 'read -P 0 32M 32M' "$place/copy.raw" | Out-String | Should -Not -Match 'fail'
    }

    It 'is stopped while a client reads, and the client hears of it' {
        $export = Start-VMBlockExport $vm -Address tcp://127.0.0.1:0
        $client = Start-SlowClient $export.Uri
        Stop-VMBlockExport $vm -Confirm:$false
        # What is on its way is read to the end; then there is no server any more.
        $client.StandardOutput.ReadToEnd() | Out-Null
        $client.WaitForExit(60000) | Should -BeTrue
        $client.ExitCode | Should -Not -Be 0
    }

    It 'outlives the PowerShell that made it, and another one stops it' {
        Invoke-KilledShell (Get-ManifestPath) "Start-VMBlockExport $vm -Since monday; Start-VMBlockExport $vm -Address tcp://127.0.0.1:0"
        $exports = Get-VMBlockExport $vm
        $exports.State | Should -Be Ready, Ready
        $exports | ForEach-Object { Test-Client $_.Uri } | Should -Be $true, $true
        $exports | Stop-VMBlockExport -Confirm:$false
        $exports | ForEach-Object { Test-Client $_.Uri } | Should -Be $false, $false
    }

    It 'ends with the session that it belongs to: the next command that changes something clears it, and says so' {
        Invoke-KilledShell (Get-ManifestPath) "Start-VMBlockExport $vm -OwnedBySession"
        $export = Get-VMBlockExport $vm
        $export.Owner | Should -Be Session
        $export.State | Should -Be Expired
        $export.Reason | Should -Not -BeNullOrEmpty
        New-VMCheckpoint $vm after -WarningVariable warnings -WarningAction SilentlyContinue | Out-Null
        $warnings -join ' ' | Should -Match 'export'
        Get-VMBlockExport $vm | Should -BeNullOrEmpty
        Test-Client $export.Uri | Should -BeFalse
        Remove-VMCheckpoint $vm after -Confirm:$false
    }

    It 'stays with a session that lives' -Skip:($_ -ne 'running') {
        Start-VMBlockExport $vm -OwnedBySession | Out-Null
        New-VMCheckpoint $vm after | Out-Null
        (Get-VMBlockExport $vm).State | Should -Be Ready
        Remove-VMCheckpoint $vm after -Confirm:$false
    }

    It 'ends with its lease' {
        $export = Start-VMBlockExport $vm -Lease '0:0:10'
        $export.Expires | Should -BeGreaterThan ([datetimeoffset]::Now)
        $export.State | Should -Be Ready
        Wait-Until { (Get-VMBlockExport $vm).State -eq 'Expired' } | Should -BeTrue
        New-VMCheckpoint $vm after -WarningAction SilentlyContinue | Out-Null
        Get-VMBlockExport $vm | Should -BeNullOrEmpty
        Remove-VMCheckpoint $vm after -Confirm:$false
    }

    It 'is refused where the port is taken, and leaves nothing' {
        $listener = [Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        try {
            { Start-VMBlockExport $vm -Address "tcp://127.0.0.1:$($listener.LocalEndpoint.Port)" -ErrorAction Stop } | Should -Throw '*in use*'
            Get-ServingCount $vm $place | Should -Be $before
        }
        finally { $listener.Stop() }
    }

    It 'is refused where a socket or a file lies in the way, and leaves it alone' {
        Set-Content "$place/mine.sock" mine
        { Start-VMBlockExport $vm -Address "unix://$place/mine.sock" -ErrorAction Stop } | Should -Throw
        Get-Content "$place/mine.sock" | Should -Be mine
    }

    It 'leaves nothing when Start is stopped after <_> ms' -ForEach 30, 80, 150, 250, 400 {
        $shell = [powershell]::Create([runspacefactory]::CreateRunspace())
        try {
            $shell.Runspace.Open()
            $shell.AddScript("Import-Module '$(Get-ManifestPath)'").Invoke() | Out-Null
            $shell.Commands.Clear()
            $run = $shell.AddScript("Start-VMBlockExport $vm -Since monday -Address tcp://127.0.0.1:0").BeginInvoke()
            Start-Sleep -Milliseconds $_
            $shell.Stop()
            $run.IsCompleted | Should -BeTrue
        }
        finally { $shell.Runspace.Dispose(); $shell.Dispose() }
        # Either it was stopped in time, and there is nothing; or it was there already, and AfterEach takes it away.
        if (-not (Get-VMBlockExport $vm)) { Get-ServingCount $vm $place | Should -Be $before }
    }

    It 'leaks nothing over many turns' {
        foreach ($turn in 1..5) {
            $export = Start-VMBlockExport $vm -Since monday
            $tcp = Start-VMBlockExport $vm -Address tcp://127.0.0.1:0
            Test-Client $export.Uri | Should -BeTrue
            Test-Client $tcp.Uri | Should -BeTrue
            $export, $tcp | Stop-VMBlockExport -Confirm:$false
        }
    }
}

Describe 'A block export whose source ends' -Skip:(-not (Get-Command nbdcopy, qemu-system-x86_64 -ErrorAction Ignore)) {
    It 'is Gone when QEMU was killed, and Stop clears what is left' {
        New-Machine $place killed | Out-Null
        $before = Get-ServingCount killed $place
        Start-VMDomain killed -Paused | Out-Null
        $exports = @(Start-VMBlockExport killed) + @(Start-VMBlockExport killed -Address tcp://127.0.0.1:0)
        $qemu = Get-Process -Id (Get-VMDomain killed).ProcessId
        $qemu.Kill()
        Wait-Until { $qemu.HasExited -or -not (Get-Process -Id $qemu.Id -ErrorAction Ignore) } | Should -BeTrue
        (Get-VMBlockExport killed).State | Select-Object -Unique | Should -Be Gone
        (Get-VMBlockExport killed).Reason | ForEach-Object { $_ | Should -Not -BeNullOrEmpty }
        (Get-VMDomain killed).Disks[0].Exports | Should -BeNullOrEmpty
        # The relay still answers; what it has not got it does not make up.
        foreach ($export in $exports) {
            timeout 20 nbdcopy $export.Uri "$place/copy.raw" 2>$null
            $LASTEXITCODE | Should -Not -Be 0
        }
        Get-VMBlockExport killed | Stop-VMBlockExport -Confirm:$false
        Get-VMBlockExport killed | Should -BeNullOrEmpty
        Get-ServingCount killed $place | Should -Be $before
        Start-VMDomain killed -Paused | Out-Null
        Stop-VMDomain killed -Force -Confirm:$false | Out-Null
    }

    It 'is Gone when the storage daemon of a stopped machine was killed, and the machine starts again' {
        New-Machine $place halted | Out-Null
        $before = Get-ServingCount halted $place
        $export = Start-VMBlockExport halted
        Get-StorageDaemon $place | ForEach-Object { Stop-Process -Id $_ -Force }
        Wait-Until { -not (Get-StorageDaemon $place) } | Should -BeTrue
        (Get-VMBlockExport halted).State | Should -Be Gone
        Test-Client $export.Uri | Should -BeFalse
        Start-VMDomain halted -Paused -WarningAction SilentlyContinue | Out-Null
        Stop-VMDomain halted -Force -Confirm:$false | Out-Null
        Get-VMBlockExport halted | Should -BeNullOrEmpty
        Get-ServingCount halted $place | Should -Be $before
    }

    It 'fails its readers when the relay in between is killed, and is stopped like any other' {
        New-Machine $place passed | Out-Null
        Start-VMDomain passed -Paused | Out-Null
        $before = Get-ServingCount passed $place
        $export = Start-VMBlockExport passed -Address tcp://127.0.0.1:0
        Get-StorageDaemon $place | ForEach-Object { Stop-Process -Id $_ -Force }
        Wait-Until { -not (Test-Client $export.Uri) } | Should -BeTrue
        (Get-VMBlockExport passed).State | Should -BeIn Gone, Broken
        Stop-VMBlockExport passed -Confirm:$false
        Get-ServingCount passed $place | Should -Be $before
        Stop-VMDomain passed -Force -Confirm:$false | Out-Null
    }

    It 'breaks when its scratch file is full, and the machine writes on' {
        New-Machine $place full | Out-Null
        Write-Disk "$place/full.qcow2" 'write -P 17 0 32M'
        Start-VMDomain full -Paused | Out-Null
        $before = Get-ServingCount full $place
        $export = Start-VMBlockExport full -ScratchLimit 2MB
        Write-LiveDisk full 'write -P 34 0 32M'
        (Get-VMBlockExport full).State | Should -Be Broken
        (Get-VMBlockExport full).Reason | Should -Match 'scratch'
        nbdcopy $export.Uri "$place/copy.raw" 2>$null
        $LASTEXITCODE | Should -Not -Be 0
        Stop-VMBlockExport full -Confirm:$false
        Get-ServingCount full $place | Should -Be $before
        Stop-VMDomain full -Force -Confirm:$false | Out-Null
        qemu-io -r -f qcow2 -c 'read -P 34 0 32M' "$place/full.qcow2" | Out-String | Should -Not -Match 'fail'
    }
}
