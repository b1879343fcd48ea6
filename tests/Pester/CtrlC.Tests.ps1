# Ctrl-C at random times over all commands that take their time. PowerShell.Stop() is what Ctrl-C does in a shell; some are sent as the
# signal itself, by a terminal. MOMENTTOOLS_CTRLC is how many (40), MOMENTTOOLS_CTRLC_SEED where the chances begin.
BeforeDiscovery {
    $tools = 'qemu-img', 'qemu-storage-daemon', 'qemu-system-x86_64', 'qemu-io'
    $missing = @($tools | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) }).Count -gt 0
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1, $PSScriptRoot/Serving.psm1, $PSScriptRoot/CtrlC.psm1, $PSScriptRoot/CtrlC.Trace.psm1, $PSScriptRoot/CtrlC.Terminal.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $vm, $repository = 'ctrl', "$place/repo"
    $wanted = [int]($env:MOMENTTOOLS_CTRLC ?? 40)
    $seed = [int]($env:MOMENTTOOLS_CTRLC_SEED ?? [random]::Shared.Next(1, 1000000))
}

AfterAll { Remove-Place $place }

Describe 'Ctrl-C' -Skip:$missing {
    BeforeAll {
        $random = [random]::new($seed)
        New-Disk "$place/$vm.qcow2" 16M
        Register-VMDomain -Xml (Get-DomainXml $vm "$place/$vm.qcow2") | Out-Null
        New-Story $place $vm
        Write-Story 60
        Add-Mark mark0
        Backup-VMDomain $vm $repository | Out-Null
        Add-Backup $repository
        Start-QmpWatch
        $cases = . $PSScriptRoot/CtrlC.Cases.ps1 $vm $place $repository
        $shell = [powershell]::Create([runspacefactory]::CreateRunspace())
        $shell.Runspace.Open()
        $shell.AddScript("Import-Module '$(Get-ManifestPath)'; `$ConfirmPreference = 'None'").Invoke() | Out-Null
        $files = @(Get-File)

        # Of sorted milliseconds.
        function Part($Of, $Share) { [int]$Of[[math]::Min($Of.Count - 1, [int][math]::Floor($Of.Count * $Share))] }

        # Two seconds, without QEMU's own time.
        function Assert-Soon($Ours) {
            Part $Ours 0.95 | Should -BeLessThan 2000
            # The machine that tests in earnest has nothing else to do.
            if ($env:MOMENTTOOLS_CTRLC) { Part $Ours 1 | Should -BeLessThan 2000 }
        }

        # Gives how it went; what is wrong is told.
        function Stop-Once($Case, [string] $State) {
            if ($Case.Before) { . $Case.Before }
            $nodes = $State -eq 'Stopped' ? 0 : @(Invoke-VMQmpCommand $vm query-named-block-nodes @{ flat = $true }).Count
            $Case.Time ??= 150
            [QmpWatch]::Clear()
            $shell.Commands.Clear()
            $shell.Streams.ClearStreams()
            $after = [int]($Case.Time * 1.05 * $random.NextDouble())
            $clock = [Diagnostics.Stopwatch]::StartNew()
            $run = $shell.AddScript($Case.Run).BeginInvoke()
            $run.AsyncWaitHandle.WaitOne($after) | Out-Null
            $early = $run.IsCompleted
            $since, $begun = [datetimeoffset]::UtcNow, $clock.Elapsed
            $shell.BeginStop($null, $null).AsyncWaitHandle.WaitOne(60000) | Should -BeTrue -Because "$($Case.Name) does not come back: $([QmpWatch]::Told($since) -join "`n")"
            $took = $clock.Elapsed - $begun
            $own = [QmpWatch]::Waited($since, [datetimeoffset]::UtcNow)
            $finished = $shell.InvocationStateInfo.State -eq 'Completed'
            if ($early) { $Case.Time = [math]::Max(20, [math]::Min($Case.Time, $begun.TotalMilliseconds)) } elseif (-not $finished -and $after -gt $Case.Time * 0.8) { $Case.Time *= 1.3 }
            # Ctrl-C is no failure.
            foreach ($failure in $shell.Streams.Error) { "$($failure.FullyQualifiedErrorId): $failure" }
            if ($shell.InvocationStateInfo.State -eq 'Failed') { "it failed: $($shell.InvocationStateInfo.Reason)" }
            Get-Remain $repository ($Case.Moves ? '' : $State) -AtOnce
            if ($Case.After) { . $Case.After }
            Get-Remain $repository $State $files 2
            [pscustomobject]@{ Case = $Case.Name; State = $State; After = $after; Stopped = -not $finished; Took = $took; Own = $own; Trace = if ($took.TotalSeconds -gt 1) { [QmpWatch]::Told($since) } }
        }
    }

    AfterAll { $shell.Runspace.Dispose(); $shell.Dispose() }

    It 'gives the prompt back only when all is unwound, and soon' {
        $went, $wrong, $marks = [Collections.Generic.List[object]]::new(), @(), 1
        while ($went.Count -lt $wanted) {
            $state = $state -eq 'Running' ? 'Stopped' : 'Running'
            if ($state -eq 'Running') { Start-VMDomain $vm | Out-Null }
            # Each gets its turn before any gets a second one.
            $round = @($cases | Where-Object On -Contains $state | Sort-Object { [int]$_.Done }, { $random.Next() } | Select-Object -First ([math]::Min(20, $wanted - $went.Count)))
            foreach ($case in $round) {
                $case.Done++
                Write-Story 3 $random
                $said = @(Stop-Once $case $state)
                $went.Add($said[-1])
                $wrong = @($said | Select-Object -SkipLast 1 | ForEach-Object { "$($case.Name) ($state), stopped after $($said[-1].After) ms: $_" })
                $wrong | Should -BeNullOrEmpty -Because "this is number $($went.Count) of seed $seed"
            }
            @(Test-Story $repository) | Should -BeNullOrEmpty -Because "after $($went.Count) of seed $seed"
            Add-Mark "mark$marks"
            $marks++
            if ($state -eq 'Running') { Stop-VMDomain $vm -Force | Out-Null }
        }
        if ($env:MOMENTTOOLS_CTRLC_REPORT) { $went | Select-Object Case, State, After, Stopped, Took, Own, @{ n = 'Trace'; e = { $_.Trace -join "`n" } } | ConvertTo-Json | Set-Content $env:MOMENTTOOLS_CTRLC_REPORT }
        $stopped = @($went | Where-Object Stopped)
        $sorted = @($stopped | ForEach-Object { $_.Took.TotalMilliseconds } | Sort-Object)
        $ours = @($stopped | ForEach-Object { ($_.Took - $_.Own).TotalMilliseconds } | Sort-Object)
        Write-Host ("Ctrl-C, seed {0}: {1}, of which {2} met a running command; back at the prompt in {3} ms (median), {4} (95%), {5} (longest), of which not QEMU's {6}, {7}, {8}; longest: {9}" -f $seed, $went.Count, $stopped.Count, (Part $sorted 0.5), (Part $sorted 0.95), (Part $sorted 1), (Part $ours 0.5), (Part $ours 0.95), (Part $ours 1), ($stopped | Sort-Object Took)[-1].Case)
        $stopped.Count | Should -BeGreaterThan ($wanted / 4)
        Assert-Soon $ours
    }

    # A terminal sends it to all that run in its foreground: to what our commands have started, too.
    It 'takes the signal of a terminal as well' -Skip:(-not (Get-Command script -CommandType Application -ErrorAction Ignore)) {
        $names = 'Backup-VMDomain -Full', 'Start-VMDomain', 'New-VMSnapshot -DiskOnly', 'Restore-VMSnapshot of an internal one', 'Start-VMBlockExport', 'Restore-VMBackup', 'Merge-VMSnapshot', 'Remove-VMBranch'
        $there = @($cases | Where-Object Name -In $names)
        if ((Get-VMDomain $vm).State -ne 'Stopped') { Stop-VMDomain $vm -Force | Out-Null }
        $terminal = Start-Terminal (Get-ManifestPath) $place
        try {
            $went = @(foreach ($number in 1..[math]::Max(5, $wanted / 8)) {
                $case = $there[$number % $there.Count]
                Write-Story 3 $random
                if ($case.Before) { . $case.Before }
                # The first one surely meets a command that runs.
                $time = $number -eq 1 ? 0 : $random.Next(0, [int]($case.Time ?? 300) + 30)
                $terminal.Send($case.Run + "`r")
                $early = $terminal.Prompt($time)
                $since = [datetimeoffset]::UtcNow
                if (-not $early) { $terminal.Interrupt() }
                ($early -or $terminal.Prompt(60000)) | Should -BeTrue -Because "$($case.Name), interrupted after $time ms, gives no prompt: $($terminal.Said)"
                $until, $said = [datetimeoffset]::UtcNow, $terminal.Said
                $own = $terminal.Own($since, $until)
                [pscustomobject]@{ Case = $case.Name; Early = $early; Took = ($until - $since).TotalMilliseconds; Own = $own }
                $wrong = @(Get-Remain $repository ($case.Moves ? '' : 'Stopped') -AtOnce)
                if ($case.After) { . $case.After }
                $wrong += @(Get-Remain $repository Stopped $files)
                $wrong | Should -BeNullOrEmpty -Because "$($case.Name), interrupted after $time ms, seed $seed, said: $said"
                $said | Should -Not -Match 'FullyQualifiedErrorId|Recommendation:'
            })
            @(Test-Story $repository) | Should -BeNullOrEmpty
            $stopped = @($went | Where-Object { -not $_.Early } | Sort-Object Took)
            $ours = @($stopped | ForEach-Object { $_.Took - $_.Own } | Sort-Object)
            Write-Host ("Ctrl-C of a terminal: {0}, of which {1} met a running command; back at the prompt in {2:0} ms at most, of which not QEMU's {3:0}; longest: {4}" -f $went.Count, $stopped.Count, $stopped[-1].Took, $ours[-1], $stopped[-1].Case)
            $stopped.Count | Should -BeGreaterThan 0
            Assert-Soon $ours
        }
        finally { $terminal.Dispose() }
    }
}
