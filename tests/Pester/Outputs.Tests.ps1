# What comes out of each command is what its OutputType declares, and where there is -PassThru nothing comes out without it.

BeforeDiscovery {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $commands = (Get-Command -Module MomentTools).Name | ForEach-Object { @{ Command = $_ } }
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $seen = @{}
    $silent = @{}

    # Runs one command of ours, keeps the types of what came out under its name, and passes it on.
    function Watch([string] $Command, [hashtable] $Parameters = @{}, $Piped) {
        if ($Parameters.Count -gt 0 -and (Get-Command $Command).Parameters.ContainsKey('Confirm')) { $Parameters.Confirm = $false }
        $output = @(if ($null -ne $Piped) { $Piped | & $Command @Parameters -ErrorAction Stop -WarningAction SilentlyContinue } else { & $Command @Parameters -ErrorAction Stop -WarningAction SilentlyContinue })
        if (-not $seen.ContainsKey($Command)) { $seen[$Command] = [Collections.Generic.List[type]]::new() }
        $output | ForEach-Object { $seen[$Command].Add($_.GetType()) }
        if ((Get-Command $Command).Parameters.ContainsKey('PassThru') -and -not $Parameters.PassThru) { $silent[$Command] += $output.Count }
        $output
    }
}

AfterAll { Remove-Place $place }

Describe 'What comes out' -Skip:(-not (Get-Command qemu-system-x86_64, qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        New-Disk ./web0.qcow2
        Watch Register-VMDomain @{ Xml = Get-DomainXml web0 "$place/web0.qcow2" }
        Watch Rename-VMDomain @{ VM = 'web0'; NewName = 'web9' }
        Watch Rename-VMDomain @{ VM = 'web9'; NewName = 'web1'; PassThru = $true }
        Watch Get-VMDomain

        # Checkpoints, on the running machine.
        Watch Start-VMDomain @{ VM = 'web1'; Paused = $true }
        Watch Resume-VMDomain @{ VM = 'web1' }
        Watch Suspend-VMDomain @{ VM = 'web1' }
        Watch Invoke-VMQmpCommand @{ VM = 'web1'; Command = 'query-status' }
        Watch Invoke-VMQmpCommand @{ VM = 'web1'; Command = 'query-block' }
        foreach ($name in 'monday', 'tuesday', 'friday') { Watch New-VMCheckpoint @{ VM = 'web1'; Name = $name } }
        Watch Get-VMMoment @{ VM = 'web1' }
        Watch Get-VMMoment @{ VM = 'web1'; Tree = $true }
        Watch Get-VMCheckpoint @{ VM = 'web1' }
        Watch Set-VMMoment @{ VM = 'web1'; Name = 'monday'; Description = 'x' }
        Watch Set-VMMoment @{ VM = 'web1'; Name = 'monday'; Description = 'y'; PassThru = $true }
        Watch Compare-VMMoment @{ VM = 'web1'; From = 'monday'; To = 'friday' }
        $block = @{ Command = 'human-monitor-command'; Arguments = @{ 'command-line' = "qemu-io -d $(@(Invoke-VMQmpCommand web1 query-block)[0].qdev) `"write -P 7 0 64k`"" } }
        Watch Invoke-VMQmpCommand (@{ VM = 'web1' } + $block)
        Watch Get-VMChangedBlock @{ VM = 'web1'; Since = 'monday' }
        Watch Get-VMChangedBlock @{ VM = 'web1'; Since = 'monday'; Measure = $true }
        Watch New-VMBlockSnapshot @{ VM = 'web1'; Name = 'tonight' }
        Watch Get-VMBlockSnapshot @{ VM = 'web1' }
        Watch Get-VMBlockSnapshot @{ VM = 'web1'; AsXml = $true }
        foreach ($number in 1, 2) { Watch Start-VMBlockExport @{ VM = 'web1'; Snapshot = 'tonight'; Address = "unix:$place/run/$number.sock"; ExportName = "n$number" } }
        Watch Get-VMBlockExport
        Watch Get-VMBlockExport @{ VM = 'web1'; AsXml = $true }
        Watch Stop-VMBlockExport @{ VM = 'web1'; ExportName = 'n1' }
        Watch Stop-VMBlockExport @{ VM = 'web1'; ExportName = 'n2'; PassThru = $true }
        Watch Remove-VMBlockSnapshot @{ VM = 'web1'; Name = 'tonight' }
        New-VMBlockSnapshot web1 tomorrow | Out-Null
        Watch Remove-VMBlockSnapshot @{ VM = 'web1'; Name = 'tomorrow'; PassThru = $true }
        Watch Stop-VMDomain @{ VM = 'web1'; Force = $true }
        Watch Test-VMMoment @{ VM = 'web1' }
        Watch Get-VMBitmap @{ VM = 'web1' }
        Watch Get-VMBitmap @{ Path = './web0.qcow2' }
        qemu-img bitmap --add ./web0.qcow2 strange
        Watch Test-VMMoment @{ VM = 'web1'; Detailed = $true }
        Watch Repair-VMMoment @{ VM = 'web1' }
        Watch Remove-VMBitmap @{ VM = 'web1'; Name = 'strange'; Disk = 'vda' }
        Watch Export-VMMoment @{ VM = 'web1' }
        Watch Export-VMMoment @{ VM = 'web1'; Path = './moments.xml' }
        Watch Remove-VMCheckpoint @{ VM = 'web1'; Name = 'friday' }
        Watch Remove-VMCheckpoint @{ VM = 'web1'; Name = 'tuesday'; PassThru = $true }
        Watch Remove-VMMoment @{ VM = 'web1'; Name = 'monday'; MetadataOnly = $true }
        Watch Import-VMMoment @{ VM = 'web1'; Path = './moments.xml'; MetadataOnly = $true }
        Watch Remove-VMMoment @{ VM = 'web1'; Name = '*'; PassThru = $true }

        # Backups.
        $backups = foreach ($pattern in 1..4) { Write-Disk ./web0.qcow2 "write -P $pattern 0 64k"; Watch Backup-VMDomain @{ VM = 'web1'; Repository = './repo' } }
        Watch Get-VMBackup @{ VM = 'web1'; Repository = './repo' }
        Watch Get-VMBackup @{ VM = 'web1'; Repository = './repo'; Tree = $true }
        Watch Get-VMBackup @{ VM = 'web1'; Repository = './repo'; AsXml = $true }
        Watch Test-VMBackup @{ VM = 'web1'; Repository = './repo' }
        Watch Restore-VMBackup @{ Destination = './restored' } $backups[-1]
        Watch Merge-VMBackup @{ VM = 'web1'; Repository = './repo'; Id = $backups[2].Id }
        Watch Remove-VMBackup @{ VM = 'web1'; Repository = './repo'; KeepLast = 1 }
        [IO.File]::WriteAllText((Get-VMBackup web1 ./repo)[0].Disks[0].Path, 'no image')
        Watch Test-VMBackup @{ VM = 'web1'; Repository = './repo'; Detailed = $true }

        # Snapshots and branches, on a machine of their own.
        New-Machine $place web2 | Out-Null
        foreach ($name in 'one', 'two', 'three', 'four', 'five') { Watch New-VMSnapshot @{ VM = 'web2'; Name = $name } }
        Watch Get-VMSnapshot @{ VM = 'web2' }
        Watch Get-VMMoment @{ VM = 'web2' }
        Watch Use-VMSnapshot @{ VM = 'web2'; Name = 'five'; ScriptBlock = { 7 } }
        Watch Merge-VMSnapshot @{ VM = 'web2'; Name = 'five' }
        Watch Merge-VMSnapshot @{ VM = 'web2'; Name = 'four'; PassThru = $true }
        Watch Remove-VMSnapshot @{ VM = 'web2'; Name = 'one'; UndoFor = [timespan]::Zero }
        Watch Remove-VMSnapshot @{ VM = 'web2'; Name = 'two'; PassThru = $true }
        Watch Get-VMSnapshot @{ VM = 'web2'; Kept = $true }
        Watch Undo-VMSnapshot @{ VM = 'web2' }
        Watch Remove-VMSnapshot @{ VM = 'web2'; Name = 'two' }
        Watch Undo-VMSnapshot @{ VM = 'web2'; PassThru = $true }
        Watch New-VMBranch @{ VM = 'web2'; Name = 'side'; From = 'three' }
        Watch New-VMBranch @{ VM = 'web2'; Name = 'other'; From = 'three' }
        Watch Get-VMBranch @{ VM = 'web2' }
        Watch Switch-VMBranch @{ VM = 'web2'; Name = 'side' }
        Watch Switch-VMBranch @{ VM = 'web2'; Name = 'main'; PassThru = $true }
        Watch Rename-VMBranch @{ VM = 'web2'; Name = 'side'; NewName = 'aside' }
        Watch Rename-VMBranch @{ VM = 'web2'; Name = 'aside'; NewName = 'side'; PassThru = $true }
        Watch Remove-VMBranch @{ VM = 'web2'; Name = 'side'; Discard = $true }
        Watch Remove-VMBranch @{ VM = 'web2'; Name = 'other'; Discard = $true; PassThru = $true }
        Watch Restore-VMSnapshot @{ VM = 'web2'; Name = 'three'; Discard = $true }
        Watch Restore-VMSnapshot @{ VM = 'web2'; Name = 'three'; Discard = $true; PassThru = $true }
        Watch Unregister-VMDomain @{ VM = 'web2'; RemoveMetadata = $true }
    }

    It 'of <Command> is what is declared' -ForEach $commands {
        $seen.ContainsKey($Command) | Should -BeTrue -Because 'every command is run here'
        # Jobs are in Jobs.Tests.ps1.
        $declared = @((Get-Command $Command).OutputType.Type | Where-Object Name -NE MomentJob)
        foreach ($type in $seen[$Command] | Select-Object -Unique) {
            $declared.Where{ $_.IsAssignableFrom($type) -or $_ -eq [psobject] } | Should -Not -BeNullOrEmpty -Because "$type came out, and $declared is declared"
        }
        if ($declared -contains [void]) { $seen[$Command].Count | Should -Be 0 }
        elseif ($Command -notin 'Repair-VMMoment') { $seen[$Command].Count | Should -BeGreaterThan 0 }
        foreach ($type in $declared | Where-Object Name -NE Void) {
            # Kept files are let go of only where an interrupted merge left some.
            if ("$Command $($type.Name)" -in 'Remove-VMSnapshot VMLayerChange', 'Repair-VMMoment VMMomentRepair') { continue }
            $seen[$Command].Where{ $type.IsAssignableFrom($_) -or $type -eq [psobject] } | Should -Not -BeNullOrEmpty -Because "$type is declared"
        }
    }

    It 'of <Command> is nothing without -PassThru' -ForEach $commands.Where{ (Get-Command $_.Command).Parameters.ContainsKey('PassThru') } {
        $silent.ContainsKey($Command) | Should -BeTrue
        $silent[$Command] | Should -Be 0
    }
}
