BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place

    # A job to its end: the job and all that it gave.
    function Complete-Job($Job) {
        $Job | Wait-Job | Out-Null
        $results = $Job | Receive-Job -ErrorAction SilentlyContinue -ErrorVariable failures
        [pscustomobject]@{ State = "$($Job.State)"; Results = @($results); Failures = @($failures) }
        $Job | Remove-Job
    }

    function Get-Pending([string] $VM = 'web1') { Get-ChildItem "$place/home/domains/$VM/journal" -File }
}

AfterAll {
    Get-Job | Where-Object PSJobTypeName -EQ MomentJob | Remove-Job -Force
    Remove-Place $place
}

Describe 'A job of a long operation' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 1 0 32M'
        Set-Location $place
    }

    It 'is a job as every other: with a state, a name, a command and a place' {
        $job = Backup-VMDomain web1 ./repo -Full -SpeedLimit 32MB -AsJob
        $job | Should -BeOfType ([System.Management.Automation.Job])
        $job.PSJobTypeName, $job.Location, $job.State, $job.HasMoreData | Should -Be MomentJob, localhost, Running, $true
        $job.Command | Should -Be 'Backup-VMDomain -VM web1 -Full -SpeedLimit 33554432 -Repository ./repo'
        $job.Name = 'nightly'
        (Get-Job nightly).InstanceId | Should -Be $job.InstanceId
        ($job | Wait-Job).State | Should -Be Completed
        $backup = $job | Receive-Job
        $backup | Should -BeOfType ([MomentTools.VMBackup])
        $backup.Kind | Should -Be Full
        (Get-View $backup)[-1] | Should -Match "^$($backup.Id)  Full .*MiB vda$"
        $job.HasMoreData | Should -BeFalse
        $job | Remove-Job
        Get-Job nightly -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'gives what the command gives, once, or again with -Keep' {
        $job = Backup-VMDomain web1 ./repo -AsJob
        $job | Wait-Job | Out-Null
        ($job | Receive-Job -Keep).Kind | Should -Be Incremental
        ($job | Receive-Job).Kind | Should -Be Incremental
        $job | Receive-Job | Should -BeNullOrEmpty
        $job | Remove-Job
        (Backup-VMDomain web1 ./repo -RunAsync | Receive-Job -Wait -AutoRemoveJob).Kind | Should -Be Incremental
    }

    It 'tells in its own streams how far it is, what it warns of, and what it does' {
        $job = Backup-VMDomain web1 ./repo -Full -SpeedLimit 64MB -Verbose -AsJob 4>$null
        $job | Wait-Job | Out-Null
        $ours = @($job.Progress | Where-Object Activity -Match web1)
        $ours.Count | Should -BeGreaterThan 1
        $ours[-1].RecordType | Should -Be Completed
        $job.Verbose.Message -match 'in full' | Should -Not -BeNullOrEmpty
        $job | Remove-Job
    }

    It 'takes all that is piped as one job' {
        New-Machine $place db1 | Out-Null
        $job = Get-VMDomain db1, web1 | Backup-VMDomain -Repository ./repo -AsJob
        @($job).Count | Should -Be 1
        $job.Command | Should -Be 'Backup-VMDomain -VM db1, web1 -Repository ./repo'
        $done = Complete-Job $job
        $done.State, ($done.Results.VM -join ',') | Should -Be Completed, 'db1,web1'
        $done = Complete-Job (Get-VMBackup web1 ./repo | Select-Object -First 2 | Test-VMBackup -AsJob)
        $done.State, $done.Results.Count, $done.Results[0] | Should -Be Completed, 1, $true
    }

    It 'says at once what it can say at once, and not again' {
        $job = 'nosuch', 'web1' | Backup-VMDomain -Repository ./repo -AsJob -ErrorAction SilentlyContinue -ErrorVariable said
        $said.FullyQualifiedErrorId | Should -Be 'VMNotFound,MomentTools.Cmdlets.BackupVMDomainCommand'
        $done = Complete-Job $job
        $done.State, $done.Results.VM, $done.Failures.Count | Should -Be Completed, web1, 0
    }

    It 'is not made where there is nothing to do' {
        Backup-VMDomain nosuch ./repo -AsJob -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        Backup-VMDomain web1 ./repo -AsJob -WhatIf | Should -BeNullOrEmpty
        & { $WhatIfPreference = $true; Backup-VMDomain web1 ./repo -AsJob } | Should -BeNullOrEmpty
        Get-Job | Where-Object PSJobTypeName -EQ MomentJob | Should -BeNullOrEmpty
    }

    It 'has failed where something of it failed, with the error that the command gives' {
        Set-Content ./file x
        $done = Complete-Job (Backup-VMDomain web1 ./file -AsJob)
        $done.State, $done.Results.Count, $done.Failures.Count | Should -Be Failed, 0, 1
        $done.Failures[0].FullyQualifiedErrorId | Should -Be 'BackupRepositoryInvalid,MomentTools.Cmdlets.BackupVMDomainCommand'
        $done.Failures[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        $done = Complete-Job (Backup-VMDomain db1, web1 ./file -AsJob -ErrorAction Continue)
        $done.State, $done.Failures.Count | Should -Be Failed, 2
        $done = Complete-Job (Backup-VMDomain db1, web1 ./file -AsJob -ErrorAction Stop)
        $done.State, $done.Failures.Count | Should -Be Failed, 1
    }

    It 'asks before it starts, and does only what was agreed to' {
        Get-VMBackup db1 ./repo | Should -HaveCount 1
        Backup-VMDomain db1 ./repo | Out-Null
        $ids = (Get-VMBackup web1 ./repo | Where-Object Kind -EQ Full)[0].Id, (Get-VMBackup db1 ./repo)[1].Id
        $script = "Import-Module '$(Get-ManifestPath)'; Set-Location '$place'; " +
            "Get-VMBackup db1, web1 ./repo | Where-Object Id -In '$($ids -join "', '")' | Remove-VMBackup -Merge -AsJob | Receive-Job -Wait -AutoRemoveJob | ConvertTo-Json -Depth 1"
        $said = "N`nY`n" | pwsh -NoProfile -Command $script | Out-String
        [regex]::Matches($said, 'Remove for good').Count | Should -Be 2
        @(Get-VMBackup web1 ./repo).Id + @(Get-VMBackup db1 ./repo).Id | Where-Object { $_ -in $ids } | Should -HaveCount 1
    }

    It 'works where its caller stood, with the drives and preferences of then' {
        New-PSDrive Vault FileSystem $place -Scope Global | Out-Null
        $warnings = & { $WarningPreference = 'SilentlyContinue'; Backup-VMDomain web1 Vault:/repo -AsJob }
        $env:MOMENTTOOLS_HOME = "$place/elsewhere"
        try {
            (Complete-Job $warnings).Results.Repository | Should -Be "$place/repo"
        }
        finally { $env:MOMENTTOOLS_HOME = "$place/home"; Remove-PSDrive Vault -Scope Global }
        $odd = (New-Item -ItemType Directory "$place/a [1]").FullName
        Push-Location -LiteralPath $odd
        try { $job = Backup-VMDomain web1 ./repo -AsJob } finally { Pop-Location }
        (Complete-Job $job).Results.Repository | Should -Be "$odd/repo"
    }

    It 'works under a prefix' {
        $shell = [powershell]::Create()
        try {
            $shell.AddScript("Import-Module '$(Get-ManifestPath)' -Prefix QM; Backup-QMVMDomain web1 '$place/repo' -AsJob | Receive-Job -Wait -AutoRemoveJob").Invoke().Kind | Should -Be Incremental
        }
        finally { $shell.Dispose() }
    }
}

Describe 'A job that is stopped' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place stop1 | Out-Null
        Write-Disk "$place/stop1.qcow2" 'write -P 1 0 48M'
        Set-Location $place
        Backup-VMDomain stop1 ./stopped | Out-Null
        $before = (Get-ChildItem ./stopped/stop1 -Force -Directory).Name

        function Wait-Begun($Job) {
            while ($Job.State -eq 'Running' -and -not (Get-ChildItem "$place/stopped/stop1" -Force -Directory | Where-Object Name -Like '*.partial')) { Start-Sleep -Milliseconds 20 }
            $Job.State | Should -Be Running
        }

        function Assert-Unwound {
            (Get-ChildItem "$place/stopped/stop1" -Force -Directory).Name | Should -Be $before
            Get-Pending stop1 | Should -BeNullOrEmpty
        }
    }

    It 'is back when all is undone' {
        $job = Backup-VMDomain stop1 ./stopped -Full -SpeedLimit 1MB -AsJob
        Wait-Begun $job
        $job | Stop-Job
        Assert-Unwound
        $job.State | Should -Be Stopped
        $job | Stop-Job
        $job | Remove-Job
    }

    It 'is stopped first where it is removed' {
        $job = Backup-VMDomain stop1 ./stopped -Full -SpeedLimit 1MB -AsJob
        Wait-Begun $job
        { $job | Remove-Job -ErrorAction Stop } | Should -Throw
        $job | Remove-Job -Force
        Assert-Unwound
        Get-Job $job.Id -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'may be stopped before it has begun' {
        1..3 | ForEach-Object {
            $job = Backup-VMDomain stop1 ./stopped -Full -SpeedLimit 1MB -AsJob
            $job | Remove-Job -Force
        }
        Assert-Unwound
    }

    It 'ends with its session, and nothing is left' {
        $script = "Import-Module '$(Get-ManifestPath)'; Set-Location '$place'; `$job = Backup-VMDomain stop1 ./stopped -Full -SpeedLimit 1MB -AsJob; " +
            "while (`$job.State -eq 'Running' -and -not (Get-ChildItem ./stopped/stop1 -Force -Directory | Where-Object Name -Like '*.partial')) { Start-Sleep -Milliseconds 20 }; exit (`$job.State -eq 'Running' ? 3 : 4)"
        pwsh -NoProfile -Command $script
        $LASTEXITCODE | Should -Be 3
        Assert-Unwound
    }

    It 'leaves nothing in the QEMU of a running machine' {
        Start-VMDomain stop1 -Paused | Out-Null
        $job = Backup-VMDomain stop1 ./stopped -Full -SpeedLimit 1MB -AsJob
        Wait-Begun $job
        while ($job.State -eq 'Running' -and -not (Invoke-VMQmpCommand stop1 query-block-jobs -Confirm:$false)) { Start-Sleep -Milliseconds 20 }
        $job | Stop-Job
        Invoke-VMQmpCommand stop1 query-jobs -Confirm:$false | Should -BeNullOrEmpty
        Invoke-VMQmpCommand stop1 query-block-jobs -Confirm:$false | Should -BeNullOrEmpty
        Assert-Unwound
        $job | Remove-Job
        Stop-VMDomain stop1 -Force -Confirm:$false | Out-Null
        (Backup-VMDomain stop1 ./stopped -Incremental).Kind | Should -Be Incremental
    }
}

Describe 'Every long operation, as a job' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place all1 | Out-Null
        Set-Location $place
        $ran = [Collections.Generic.List[string]]::new()

        # What the job of a command gave; the job must have completed.
        function Invoke-AsJob([string] $Command, [hashtable] $Parameters, $Piped) {
            $ran.Add($Command)
            $job = $Piped ? ($Piped | & $Command @Parameters -AsJob) : (& $Command @Parameters -AsJob)
            $done = Complete-Job $job
            $done.State | Should -Be Completed -Because "$Command ended with $($done.Failures)"
            $done.Results
        }
    }

    It 'starts and stops machines' {
        (Invoke-AsJob Start-VMDomain @{ VM = 'all1'; Paused = $true }).State | Should -Be Paused
        (Get-VMDomain all1).State | Should -Be Paused
        (Invoke-AsJob Stop-VMDomain @{ Force = $true; Confirm = $false } (Get-VMDomain all1)).State | Should -Be Stopped
    }

    It 'takes snapshots, goes back to them, and changes branches' {
        (Invoke-AsJob New-VMSnapshot @{ VM = 'all1'; Name = 'clean'; DiskOnly = $true }).Name | Should -Be clean
        (Invoke-AsJob New-VMSnapshot @{ VM = 'all1'; Name = 'later'; Overlay = @{ vda = './all1.later.qcow2' } }).Disks.Name | Should -Be vda
        "$place/all1.later.qcow2" | Should -Exist
        (Invoke-AsJob Restore-VMSnapshot @{ Branch = 'try'; PassThru = $true; Confirm = $false } (Get-VMSnapshot all1 -Name clean)).LeftBranch | Should -Be main
        (Invoke-AsJob Switch-VMBranch @{ VM = 'all1'; Name = 'main'; PassThru = $true; Confirm = $false }).Name | Should -Be main
        (Invoke-AsJob Remove-VMBranch @{ VM = 'all1'; Name = 'try'; PassThru = $true; Confirm = $false; UndoFor = '0' }) | Should -HaveCount 1
        (Invoke-AsJob Merge-VMSnapshot @{ VM = 'all1'; Name = 'later'; PassThru = $true; Confirm = $false }).Name | Should -Be later
        (Invoke-AsJob Remove-VMSnapshot @{ VM = 'all1'; Name = '*'; PassThru = $true; Confirm = $false; UndoFor = '0' }).Name | Should -Be clean
        Get-VMSnapshot all1 | Should -BeNullOrEmpty
    }

    It 'removes branches that share a snapshot, which goes with the last of them as it was agreed' {
        New-VMSnapshot all1 base -DiskOnly | Out-Null
        New-VMBranch all1 first -From base | Out-Null
        Switch-VMBranch all1 first -Confirm:$false
        New-VMSnapshot all1 shared -DiskOnly | Out-Null
        Switch-VMBranch all1 main -Confirm:$false
        New-VMBranch all1 second -From shared | Out-Null
        $gone = Invoke-AsJob Remove-VMBranch @{ VM = 'all1'; Name = '*'; PassThru = $true; Discard = $true; Confirm = $false; UndoFor = '0' }
        $gone.Name | Should -Be first, second
        $gone[0].Snapshots | Should -BeNullOrEmpty
        $gone[1].Snapshots | Should -Be shared
        (Get-VMBranch all1).Name | Should -Be main
        (Get-VMSnapshot all1).Name | Should -Be base
        Remove-VMSnapshot all1 base -UndoFor 0 -Confirm:$false
    }

    It 'refuses in its turn the branch whose snapshot no other has by then' {
        New-VMSnapshot all1 base -DiskOnly | Out-Null
        New-VMBranch all1 first -From base | Out-Null
        Switch-VMBranch all1 first -Confirm:$false
        New-VMSnapshot all1 shared -DiskOnly | Out-Null
        Switch-VMBranch all1 main -Confirm:$false
        New-VMBranch all1 second -From shared | Out-Null
        # Until the other is gone that has it too: without -Discard the second one is told so, and stays.
        $job = Remove-VMBranch all1 second, first -UndoFor 0 -Confirm:$false -AsJob
        $done = Complete-Job $job
        $done.State | Should -Be Failed
        $done.Failures.FullyQualifiedErrorId | Should -BeLike 'BranchHoldsSnapshots,*'
        (Get-VMBranch all1).Name | Should -Be main, first
        (Get-VMSnapshot all1).Name | Should -Be base, shared
        Remove-VMBranch all1 first -Discard -UndoFor 0 -Confirm:$false
        Remove-VMSnapshot all1 base -UndoFor 0 -Confirm:$false
    }

    It 'removes moments and repairs them' {
        New-VMCheckpoint all1 one | Out-Null
        New-VMCheckpoint all1 two | Out-Null
        (Invoke-AsJob Remove-VMCheckpoint @{ VM = 'all1'; Name = 'one'; PassThru = $true; Confirm = $false }).Name | Should -Be one
        (Invoke-AsJob Remove-VMMoment @{ VM = 'all1'; Name = 't*'; PassThru = $true; Confirm = $false }).Name | Should -Be two
        Invoke-AsJob Repair-VMMoment @{ VM = 'all1'; Confirm = $false } | Should -BeNullOrEmpty
    }

    It 'makes, tests, folds, removes and restores backups' {
        $full = Invoke-AsJob Backup-VMDomain @{ VM = 'all1'; Repository = './all' }
        $next = Invoke-AsJob Backup-VMDomain @{ VM = 'all1'; Repository = './all'; Incremental = $true }
        Invoke-AsJob Test-VMBackup @{ VM = 'all1'; Repository = './all' } | Should -BeTrue
        Invoke-AsJob Test-VMBackup @{ VM = 'all1'; Repository = './all'; Detailed = $true } | Should -BeNullOrEmpty
        (Invoke-AsJob Merge-VMBackup @{ Confirm = $false } $next).Kind | Should -Be Full
        Backup-VMDomain all1 ./all | Out-Null
        $plan = Invoke-AsJob Remove-VMBackup @{ KeepLast = 1; Confirm = $false; Repository = './all' } (Get-VMDomain all1)
        ($plan | Where-Object Keep).Count | Should -Be 1
        Get-VMBackup all1 ./all | Should -HaveCount 1
        (Invoke-AsJob Restore-VMBackup @{ Destination = './back' } (Get-VMBackup all1 ./all)).Disk | Should -Be vda
        Get-ChildItem ./back | Should -Not -BeNullOrEmpty
        $plan = Invoke-AsJob Remove-VMBackup @{ KeepLast = 1; Confirm = $false } (Get-VMBackup all1 ./all | Select-Object VM, Repository)
        $plan.Keep | Should -Be $true
        $full.Id | Should -Not -Be $next.Id
    }

    It 'was every one that has -AsJob' {
        $ran | Sort-Object -Unique | Should -Be ((Get-Command -Module MomentTools | Where-Object { $_.Parameters.ContainsKey('AsJob') }).Name | Sort-Object)
    }
}
