BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Serving.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $script = Join-Path (Get-RepositoryRoot) samples/Copy-VMChanges.ps1
}

AfterAll { Remove-Place $place }

Describe 'samples/Copy-VMChanges.ps1' -Skip:(-not (Get-Command nbdcopy, nbdinfo, qemu-io, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Disk "$place/a.qcow2"
        New-Disk "$place/b.qcow2"
        Write-Disk "$place/a.qcow2" 'write -P 17 1M 1M'
        Write-Disk "$place/b.qcow2" 'write -P 18 1M 1M'
        Register-VMDomain -Xml (Get-DomainXml web1 "$place/a.qcow2", "$place/b.qcow2") | Out-Null
        Start-VMDomain web1 -Paused | Out-Null
        $before = Get-ServingCount web1 $place

        # A whole disk as one night has it, judged byte for byte.
        function Test-Content([string] $File, [string[]] $Read) {
            $arguments = $Read | ForEach-Object { '-c'; $_ }
            qemu-io -r @arguments $File | Out-String | Should -Not -Match 'fail'
        }
    }

    It 'copies everything the first night' {
        $night = & $script web1 "$place/backup"
        Test-Content "$night/vda.raw" 'read -P 17 1M 1M', 'read -P 0 2M 62M'
        Test-Content "$night/vdb.raw" 'read -P 18 1M 1M'
        (Get-VMCheckpoint web1).Name | Should -Be $night.Name
        (Get-ServingCount web1 $place) -replace 'Bitmaps=\d+ ' | Should -Be ($before -replace 'Bitmaps=\d+ ')
    }

    It 'copies what changed the next nights, and every night stays what it was' {
        Start-Sleep -Milliseconds 1100
        Write-LiveDisk web1 'write -P 51 2M 64k', 'write -z 1M 64k'
        $second = & $script web1 "$place/backup"
        Start-Sleep -Milliseconds 1100
        Write-LiveDisk web1 'write -P 68 3M 64k'
        $third = & $script web1 "$place/backup"
        Test-Content "$second/vda.qcow2" 'read -P 0 1M 64k', 'read -P 17 1088k 960k', 'read -P 51 2M 64k', 'read -P 0 3M 61M'
        Test-Content "$third/vda.qcow2" 'read -P 0 1M 64k', 'read -P 17 1088k 960k', 'read -P 51 2M 64k', 'read -P 68 3M 64k'
        Test-Content "$third/vdb.qcow2" 'read -P 18 1M 1M'
        (Get-Item "$third/vda.qcow2").Length | Should -BeLessThan 2MB
        (Get-VMCheckpoint web1).Name | Should -Be $third.Name
        Get-VMBlockSnapshot web1 | Should -BeNullOrEmpty
        Get-VMBlockExport web1 | Should -BeNullOrEmpty
    }

    It 'leaves nothing of a night that fails, and the next one has it all' {
        Start-Sleep -Milliseconds 1100
        Write-LiveDisk web1 'write -P 85 4M 64k'
        $nights = (Get-ChildItem "$place/backup/web1").Name
        $path = $env:PATH
        New-Item -ItemType Directory "$place/bin" | Out-Null
        try {
            # A tool that fails in the middle of the work.
            Set-Content "$place/bin/nbdinfo" "#!/bin/sh`nexit 3"
            chmod +x "$place/bin/nbdinfo"
            $env:PATH = "$place/bin:$path"
            { & $script web1 "$place/backup" } | Should -Throw
        }
        finally { $env:PATH = $path }
        (Get-ChildItem "$place/backup/web1").Name | Should -Be $nights
        Get-VMBlockSnapshot web1 | Should -BeNullOrEmpty
        $night = & $script web1 "$place/backup"
        Test-Content "$night/vda.qcow2" 'read -P 85 4M 64k', 'read -P 68 3M 64k'
    }
}
