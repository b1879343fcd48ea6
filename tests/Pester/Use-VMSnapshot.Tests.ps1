BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place

    # What the first byte of the disk is now.
    function Get-FirstByte([string] $VM = 'web1') {
        $path = (Get-VMDomain $VM).Disks[0].Path
        qemu-img convert -U -f qcow2 -O raw $path "$place/content.raw"
        (Get-Content "$place/content.raw" -AsByteStream -TotalCount 1)[0]
    }
    function Write-FirstByte([int] $Value, [string] $VM = 'web1') { Write-Disk (Get-VMDomain $VM).Disks[0].Path "write -P $Value 0 64k" }
    function Test-Home([string] $VM = 'web1') {
        Get-FirstByte $VM | Should -Be 2
        "$env:MOMENTTOOLS_HOME/domains/$VM/use.json" | Should -Not -Exist
        (Get-VMBranch $VM).Name | Should -Be main
        Get-VMSnapshot $VM -Kept | Should -BeNullOrEmpty
    }
}

AfterAll { Remove-Place $place }

Describe 'Use-VMSnapshot' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        Write-FirstByte 1
        New-VMSnapshot web1 clean | Out-Null
        Write-FirstByte 2
        $files = (Get-ChildItem $place -File).Name | Sort-Object
    }

    AfterEach {
        Test-Home
        (Get-ChildItem $place -File).Name | Where-Object { $_ -notin 'content.raw', 'said' } | Sort-Object | Should -Be $files
    }

    It 'runs the block on the snapshot, and comes back' {
        Use-VMSnapshot web1 clean { Get-FirstByte; Write-FirstByte 9; Get-FirstByte } | Should -Be 1, 9
    }

    It 'begins anew each time' {
        1..3 | ForEach-Object { Use-VMSnapshot web1 clean { Get-FirstByte; Write-FirstByte 9 } } | Should -Be 1, 1, 1
    }

    It 'gives the domain as $_, as the first argument, and as input' {
        Use-VMSnapshot web1 clean { $_ } | Should -BeOfType ([MomentTools.VMDomain])
        Use-VMSnapshot web1 clean { $args[0].Name, $args[1] } -ArgumentList 7 | Should -Be web1, 7
        Use-VMSnapshot web1 clean { param($vm, $number, $nothing) "$vm $number $($null -eq $nothing)" } -ArgumentList 7, $null | Should -Be 'web1 7 True'
        Use-VMSnapshot web1 clean { process { $_.Name } } | Should -Be web1
        Use-VMSnapshot web1 clean { $input.Name } | Should -Be web1
    }

    It 'runs in the scope of the caller and leaves $_ as it was' {
        $variable = 1
        'outer' | ForEach-Object {
            Use-VMSnapshot web1 clean { $variable = 2 }
            $_ | Should -Be outer
        }
        $variable | Should -Be 2
    }

    It 'lets output through as it comes' {
        $seen = [Collections.Generic.List[string]]::new()
        Use-VMSnapshot web1 clean { 1; $seen.Add('between'); 2 } | ForEach-Object { $seen.Add("got $_") }
        $seen | Should -Be 'got 1', 'between', 'got 2'
    }

    It 'lets errors through that do not end the block' {
        Use-VMSnapshot web1 clean { Write-Error 'once' -ErrorAction Continue; 'on' } 2>&1 | ForEach-Object { "$($_.GetType().Name) $_" } | Should -Be 'ErrorRecord once', 'String on'
    }

    It 'comes back before an error is thrown on' {
        { Use-VMSnapshot web1 clean { Write-FirstByte 9; throw 'broken' } } | Should -Throw broken
        Test-Home
        { Use-VMSnapshot web1 clean { Get-Item /nowhere -ErrorAction Stop } } | Should -Throw -ErrorId 'PathNotFound,*'
        Test-Home
        { Use-VMSnapshot web1 clean { throw [MomentTools.Errors.MomentException]::new } } | Should -Throw
    }

    It 'comes back from return, break and continue' {
        Use-VMSnapshot web1 clean { 'one'; return; 'two' } | Should -Be one
        $passes = 0
        foreach ($pass in 1..3) { $passes++; Use-VMSnapshot web1 clean { break } }
        $passes | Should -Be 1
        foreach ($pass in 1..3) { $passes++; Use-VMSnapshot web1 clean { continue }; $passes += 100 }
        $passes | Should -Be 4
    }

    It 'comes back when the pipeline takes nothing more' {
        Use-VMSnapshot web1 clean { 1..100 | ForEach-Object { $_ } } | Select-Object -First 2 | Should -Be 1, 2
    }

    It 'comes back from exit' {
        $said = pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)'; Use-VMSnapshot web1 clean { 'in'; exit 3 }; 'never'"
        $LASTEXITCODE | Should -Be 3
        $said | Should -Be in
    }

    It 'comes back when the way there is stopped by a message' {
        { Use-VMSnapshot web1 clean { throw 'not reached' } -Verbose -WarningAction Stop 4>$null } | Should -Throw
    }

    It 'takes snapshots from the pipeline' {
        Get-VMSnapshot web1 | Use-VMSnapshot { "$_ $(Get-FirstByte)" } | Should -Be 'web1 1'
    }

    It 'takes away what the block made' {
        Use-VMSnapshot web1 clean {
            New-VMSnapshot web1 inside | Out-Null
            New-VMCheckpoint web1 mark | Out-Null
            New-VMBranch web1 other -From inside | Out-Null
            Write-FirstByte 9
        }
        (Get-VMMoment web1).Name | Should -Be clean
    }

    It 'refuses another use of the same machine inside' {
        { Use-VMSnapshot web1 clean { Use-VMSnapshot web1 clean { } -ErrorAction Stop } } | Should -Throw -ErrorId 'UseNested,*'
    }

    It 'does nothing with -WhatIf' {
        Use-VMSnapshot web1 clean { throw 'not reached' } -WhatIf
    }

    It 'says that a snapshot or a domain means nothing, and runs nothing' {
        { Use-VMSnapshot web1 cleen { throw 'not reached' } -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
        { Use-VMSnapshot web9 clean { throw 'not reached' } -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound,*'
    }

    Context 'In a process of its own' {
        BeforeEach {
            # Its own id, not that of a program that starts it.
            $ready = "$place/ready"
            # With signals as a terminal gives them: what is started in the background may have INT ignored, and hands that on.
            Start-Process env -RedirectStandardOutput /dev/null -RedirectStandardError "$place/said" -ArgumentList '--default-signal=INT,TERM', 'pwsh', '-NoProfile', '-Command',
                "Import-Module '$(Get-ManifestPath)'; Use-VMSnapshot web1 clean { Set-Content '$ready.new' `$PID; Move-Item '$ready.new' '$ready'; Start-Sleep 600 }"
            foreach ($wait in 1..2400) { if (Test-Path $ready) { break }; Start-Sleep -Milliseconds 25 }
            $process = Get-Process -Id (Get-Content $ready)
            Remove-Item $ready
            Get-FirstByte | Should -Be 1
        }

        It 'is brought back by the next command when the process is killed' {
            $process.Kill()
            $process.WaitForExit(60000) | Should -BeTrue
            Get-FirstByte | Should -Be 1
            New-VMCheckpoint web1 later -WarningVariable warnings -WarningAction SilentlyContinue | Out-Null
            "$warnings" | Should -Match "Brought 'web1' back to branch 'main'"
            Remove-VMCheckpoint web1 later -Confirm:$false
        }

        It 'is left alone by other processes while the block runs, which are told' {
            New-VMCheckpoint web1 theirs -WarningVariable warnings -WarningAction SilentlyContinue | Out-Null
            "$warnings" | Should -Match "temporary branch of snapshot 'clean'"
            Get-FirstByte | Should -Be 1
            $process.Kill()
            $process.WaitForExit(60000) | Should -BeTrue
            New-VMCheckpoint web1 later -WarningAction SilentlyContinue | Out-Null
            (Get-VMCheckpoint web1).Name | Should -Be later
            Remove-VMCheckpoint web1 later -Confirm:$false
        }

        It 'is brought back on <_>' -ForEach INT, TERM {
            /bin/kill "-$_" $process.Id
            $process.WaitForExit(60000) | Should -BeTrue
            if ($_ -eq 'TERM') { Repair-VMMoment web1 -Confirm:$false -WarningAction SilentlyContinue }
        }
    }
}

Describe 'Use-VMSnapshot of a machine that runs' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place live | Out-Null
        Write-FirstByte 1 live
        New-VMSnapshot live clean | Out-Null
        Write-FirstByte 2 live
        $before = Start-VMDomain live -Paused
        # A byte of the clock's memory: state of QEMU, not of the disks.
        function Set-Cmos([int] $Value) { 'o /b 0x70 0x40', "o /b 0x71 $Value" | ForEach-Object { Invoke-VMQmpCommand live human-monitor-command @{ 'command-line' = $_ } | Out-Null } }
        function Get-Cmos { Invoke-VMQmpCommand live human-monitor-command @{ 'command-line' = 'o /b 0x70 0x40' } | Out-Null; "$(Invoke-VMQmpCommand live human-monitor-command @{ 'command-line' = 'i /b 0x71' })".Trim() }
    }
    AfterAll { Stop-VMDomain live -Force | Out-Null }

    It 'resumes its memory' {
        Set-Cmos 90
        $kept = Get-Cmos
        Use-VMSnapshot live clean { Get-FirstByte live; (Get-VMDomain live).State } | Should -Be 1, Stopped
        (Get-VMDomain live).State | Should -Be Paused
        Get-Cmos | Should -Be $kept
    }

    It 'keeps its QEMU with -DiskOnly' {
        New-VMSnapshot live disks -DiskOnly | Out-Null
        $process = (Get-VMDomain live).ProcessId
        Use-VMSnapshot live disks { $_.ProcessId, $_.State } -DiskOnly | Should -Be $process, Paused
        (Get-VMDomain live).ProcessId | Should -Be $process
        (Get-VMDomain live).Disks[0].Path | Should -Not -Match 'mt-use'
    }
}
