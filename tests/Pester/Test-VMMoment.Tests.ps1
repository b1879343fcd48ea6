BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Test-VMMoment' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 1 0 64k'
        New-VMCheckpoint web1 tuesday | Out-Null
    }

    It 'answers with $true, and gives nothing, where all is well' {
        Test-VMMoment web1 | Should -BeTrue
        Test-VMMoment web1 -Detailed | Should -BeNullOrEmpty
    }

    It 'does not mind what does no harm, and tells it' {
        qemu-img bitmap --add "$place/web1.qcow2" stray
        try {
            Test-VMMoment web1 | Should -BeTrue
            $finding = Test-VMMoment web1 -Detailed
            $finding | Should -BeOfType ([MomentTools.VMMomentFinding])
            $finding.Id | Should -Be BitmapForeign
            $finding.Severity | Should -Be Information
            $finding.Disk | Should -Be vda
            $finding.Bitmaps | Should -Be stray
            # What it advises can be typed as it stands.
            $advised = [regex]::Matches($finding.Remedy, "'(?<command>[A-Z][a-z]+-VM[^']+)'").ForEach{ $_.Groups['command'].Value }
            $advised | Should -HaveCount 2
            foreach ($command in $advised) { & ([scriptblock]::Create("$command -WhatIf -ErrorAction Stop")) | Out-Null }
        }
        finally { qemu-img bitmap --remove "$place/web1.qcow2" stray }
    }

    It 'answers with $false where something is lost, and says what and what to do' {
        qemu-img bitmap --disable "$place/web1.qcow2" tuesday
        try {
            Test-VMMoment web1 | Should -BeFalse
            $finding = 'web1' | Test-VMMoment -Detailed
            $finding.Id | Should -Be BitmapNotRecording
            $finding.Moment | Should -Be tuesday
            "$finding" | Should -BeLike '*tuesday*switched off*'
            $finding.Remedy | Should -BeLike '*Repair-VMMoment web1*'
        }
        finally { qemu-img bitmap --enable "$place/web1.qcow2" tuesday }
    }

    It 'goes on to the next domain after one that is unknown' {
        $answer = Test-VMMoment nosuch, web1 -ErrorAction SilentlyContinue -ErrorVariable failed
        $answer | Should -BeTrue
        $failed[0].FullyQualifiedErrorId | Should -BeLike 'VMNotFound*'
    }

    It 'refuses a disk that the domain has not' {
        { Test-VMMoment web1 -Disk vdz -ErrorAction Stop } | Should -Throw -ErrorId 'DiskNotInDomain*'
    }

    It 'shows a finding in 80 columns' {
        qemu-img bitmap --add "$place/web1.qcow2" stray
        try {
            $text = Test-VMMoment web1 -Detailed | Out-String -Width 80
            $text | Should -Match 'Information BitmapForeign'
            ($text -split "`n" | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
        }
        finally { qemu-img bitmap --remove "$place/web1.qcow2" stray }
    }
}
