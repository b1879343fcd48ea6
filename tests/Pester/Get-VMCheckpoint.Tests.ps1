BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMCheckpoint' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        $manifestPath = Get-ManifestPath
        'web1', 'web2' | ForEach-Object {
            New-Machine $place $_ | Out-Null
            New-VMCheckpoint $_ monday | Out-Null
        }
    }

    It 'takes domains from the pipeline' { (Get-VMDomain | Get-VMCheckpoint).VM | Should -Be web1, web2 }

    It 'takes wildcards for domains' { (Get-VMCheckpoint web* monday).VM | Should -Be web1, web2 }

    It 'lists the others where one domain is not known' {
        (Get-VMCheckpoint nosuch, web2 -ErrorVariable failures -ErrorAction SilentlyContinue).VM | Should -Be web2
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'VMNotFound,*'
    }

    It 'takes domains that come from another session' {
        $copy = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize((Get-VMDomain web2)))
        ($copy | Get-VMCheckpoint).VM | Should -Be web2
    }

    It 'works in a background job' {
        $job = Start-Job { Import-Module $using:manifestPath; Get-VMCheckpoint web1 }
        try { (Receive-Job $job -Wait).Name | Should -Be monday }
        finally { Remove-Job $job -Force }
    }

    It 'does not take the name of a checkpoint from the pipeline' {
        ([pscustomobject]@{ VM = 'web1'; Name = 'nosuch' } | Get-VMCheckpoint).Name | Should -Be monday
    }

    It 'refuses a moment of another domain in -From' {
        { Get-VMCheckpoint web2 -From (Get-VMCheckpoint web1 monday) -ErrorAction Stop } | Should -Throw -ErrorId 'MomentOfOtherDomain,*'
    }

    It 'reports a record that cannot be read, and lists the others' {
        New-VMCheckpoint web1 tuesday | Out-Null
        Set-Content "$env:MOMENTTOOLS_HOME/domains/web1/checkpoints/tuesday.xml" 'no xml'
        (Get-VMCheckpoint web1 -ErrorVariable failures -ErrorAction SilentlyContinue -WarningAction SilentlyContinue).Name | Should -Be monday
        $failures.Count | Should -BeGreaterOrEqual 1
        ($failures.Exception.Message -join "`n") | Should -Match 'tuesday'
    }
}
