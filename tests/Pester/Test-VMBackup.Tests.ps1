BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Test-VMBackup' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        'web1', 'web2' | ForEach-Object { New-Machine $place $_ | Out-Null }
        $first = Backup-VMDomain web1 ./repo
        $second = Backup-VMDomain web1 ./repo
        Backup-VMDomain web2 ./repo | Out-Null
        function Switch-Byte([string] $Path, [long] $At) {
            $file = [IO.File]::Open($Path, 'Open', 'ReadWrite')
            try {
                $file.Position = $At
                $value = $file.ReadByte()
                $file.Position = $At
                $file.WriteByte($value -bxor 1)
            }
            finally { $file.Dispose() }
        }
    }

    It 'is one true answer where all is well: by name, by pattern, by object, by backup' {
        Test-VMBackup web1 ./repo | Should -BeExactly $true
        Test-VMBackup web* ./repo | Should -BeExactly $true
        Get-VMDomain web1 | Test-VMBackup -Repository ./repo | Should -BeExactly $true
        Get-VMBackup -Repository ./repo | Test-VMBackup | Should -BeExactly $true
        Test-VMBackup web1 ./repo -Id $first.Id, $second.Id | Should -BeExactly $true
        Test-VMBackup web1 ./repo -Detailed | Should -BeNullOrEmpty
    }

    It 'compares with the machine' {
        Test-VMBackup web1 ./repo -Source | Should -BeExactly $true
        Test-VMBackup web1 ./repo -Source -Verbose 4>&1 | Where-Object { $_ -match 'bytes were compared' } | Should -HaveCount 2
        Backup-VMDomain web2 ./other | Out-Null
        Remove-VMCheckpoint web2 (Get-VMBackup web2 ./other).Checkpoint -Confirm:$false
        $finding = Get-VMBackup web2 ./other | Test-VMBackup -Source -Detailed
        $finding.Id | Should -Be 'BackupSourceUnproven'
        $finding.Disk | Should -Be 'vda'
        Get-VMBackup web2 ./other | Test-VMBackup -Source | Should -BeExactly $false
    }

    It 'is false, and tells the place, where a byte differs' {
        Switch-Byte $first.Disks[0].Path 100
        try {
            Test-VMBackup web1 ./repo | Should -BeExactly $false
            Get-VMBackup -Repository ./repo | Test-VMBackup | Should -BeExactly $false
            Test-VMBackup web2 ./repo | Should -BeExactly $true
            $finding = Test-VMBackup web1 ./repo -Detailed
            $finding | Should -HaveCount 1
            $finding.VM, $finding.BackupId, $finding.Disk, $finding.Id, $finding.Path, $finding.Offset | Should -Be 'web1', $first.Id, 'vda', 'BackupCorrupt', $first.Disks[0].Path, 0
            $finding.Message | Should -Match "The backup $($second.Id) stands on it"
            $finding.Advice | Should -Not -BeNullOrEmpty
            # Found as well through the backup that stands on it, once.
            $second | Test-VMBackup -Detailed | Should -HaveCount 1
            $first, $second | Test-VMBackup -Detailed | Should -HaveCount 1
            ($finding | Out-String) | Should -Match 'BackupCorrupt'
            Test-VMBackup web1 ./repo -Verbose 4>&1 | Where-Object { $_ -is [Management.Automation.VerboseRecord] -and $_ -match '^BackupCorrupt: ' } | Should -HaveCount 1
        }
        finally { Switch-Byte $first.Disks[0].Path 100 }
        Test-VMBackup web1 ./repo | Should -BeExactly $true
    }

    It 'tells a manifest that cannot be read' {
        $manifest = "$(Split-Path $second.Disks[0].Path)/manifest.json"
        $text = Get-Content $manifest -Raw
        Set-Content $manifest '{'
        (Test-VMBackup web1 ./repo -Detailed).Id | Should -Be 'BackupManifestBroken'
        (Test-VMBackup web1 ./repo -Id $second.Id -Detailed).Path | Should -Be $manifest
        Test-VMBackup web1 ./repo -Id $first.Id | Should -BeExactly $true
        Set-Content $manifest $text -NoNewline
    }

    It 'is an error, and false, where nothing can be tested' {
        { Test-VMBackup web1 ./nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'BackupRepositoryMissing,*'
        { Test-VMBackup web9 ./repo -ErrorAction Stop } | Should -Throw -ErrorId 'BackupDomainNotFound,*'
        { Test-VMBackup web1 ./repo -Id nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound,*'
        { Test-VMBackup web1 ./repo -Disk vdz -ErrorAction Stop } | Should -Throw -ErrorId 'BackupDiskNotFound,*'
        Test-VMBackup web9 ./repo -ErrorAction SilentlyContinue | Should -BeExactly $false
        Test-VMBackup nosuch* ./repo | Should -BeNullOrEmpty
    }

    It 'needs no machine to be known' {
        $home_ = $env:MOMENTTOOLS_HOME
        $env:MOMENTTOOLS_HOME = "$place/elsewhere"
        try {
            Test-VMBackup web1 ./repo | Should -BeExactly $true
            (Test-VMBackup web1 ./repo -Source -Detailed).Id | Select-Object -Unique | Should -Be 'BackupSourceUnproven'
        }
        finally { $env:MOMENTTOOLS_HOME = $home_ }
    }
}
