BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Rename-VMDomain' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        New-Machine $place | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
    }

    AfterEach { Get-VMDomain | Unregister-VMDomain -RemoveMetadata -Confirm:$false }

    It 'takes the moments along, and returns nothing' {
        Rename-VMDomain web1 web2 | Should -BeNullOrEmpty
        (Get-VMDomain).Name | Should -Be web2
        (Get-VMCheckpoint web2).Name | Should -Be monday
        { Get-VMDomain web1 -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound,*'
    }

    It 'takes domains from the pipeline, each with a name of its own' {
        $renamed = Get-VMDomain | Rename-VMDomain -NewName { "$($_.Name)-old" } -PassThru
        $renamed | Should -BeOfType ([MomentTools.VMDomain])
        $renamed.Name | Should -Be web1-old
    }

    It 'completes the new name at once' {
        Rename-VMDomain web1 web2
        $line = 'Get-VMDomain we'
        [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches.CompletionText | Should -Be web2
    }

    It 'refuses a name that is taken, and one name for several' {
        Register-VMDomain -Xml (Get-DomainXml other @()) | Out-Null
        { Rename-VMDomain web1 other -ErrorAction Stop } | Should -Throw -ErrorId 'VMExists,*'
        { Rename-VMDomain * new -ErrorAction Stop } | Should -Throw -ErrorId 'VMAmbiguous,*'
        (Get-VMDomain).Name | Should -Be other, web1
    }

    It 'touches nothing with -WhatIf' {
        Rename-VMDomain web1 web2 -WhatIf
        (Get-VMDomain).Name | Should -Be web1
    }
}
