BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    function Write-Block([int] $Value, [int] $Block) { Write-Disk (Get-VMDomain web1).Disks[0].Path "write -P $Value ${Block}M 64k" }
}

AfterAll { Remove-Place $place }

Describe 'Undo-VMSnapshot and Get-VMSnapshot -Kept' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        Write-Block 1 0
        New-VMSnapshot web1 clean | Out-Null
        Write-Block 2 1
        New-VMSnapshot web1 second | Out-Null
    }

    It 'has nothing to undo at first' {
        Get-VMSnapshot web1 -Kept | Should -BeNullOrEmpty
        { Undo-VMSnapshot web1 -ErrorAction Stop } | Should -Throw -ErrorId 'UndoNothing,*'
    }

    It 'lists snapshots as their own tree' {
        New-VMCheckpoint web1 mark | Out-Null
        (Get-VMSnapshot web1).Name | Should -Be clean, second
        Get-VMSnapshot web1 | Should -BeOfType ([MomentTools.VMSnapshot])
        (Get-VMSnapshot web1 second).Parent | Should -Be clean
        Remove-VMCheckpoint web1 mark -Confirm:$false
    }

    It 'brings a removed snapshot back' {
        Remove-VMSnapshot web1 clean -Confirm:$false
        (Get-VMSnapshot web1).Name | Should -Be second
        $kept = Get-VMSnapshot web1 -Kept
        $kept | Should -BeOfType ([MomentTools.VMKeptState])
        $kept.Moments | Should -Be clean
        $kept.Operation | Should -Be Remove-VMSnapshot
        Undo-VMSnapshot web1 -WhatIf
        (Get-VMSnapshot web1).Name | Should -Be second
        $kept | Undo-VMSnapshot -PassThru -Confirm:$false | Should -BeOfType ([MomentTools.VMDomain])
        (Get-VMSnapshot web1).Name | Should -Be clean, second
        (Get-VMSnapshot web1 second).Parent | Should -Be clean
    }

    It 'says which id means nothing' {
        { Undo-VMSnapshot web1 nothing -ErrorAction Stop } | Should -Throw -ErrorId 'UndoNothing,*'
    }

    It 'shows what is kept in a table' {
        Remove-VMSnapshot web1 second -Confirm:$false
        $view = Get-View (Get-VMSnapshot web1 -Kept)
        $view -join ' ' | Should -Match 'Remove-VMSnapshot'
        $view -join ' ' | Should -Match 'second'
        Undo-VMSnapshot web1
        Get-VMSnapshot web1 -Kept | Should -BeNullOrEmpty
    }
}

Describe 'samples/ResetBetweenTests.Tests.ps1' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    It 'passes' {
        New-Machine $place suite | Out-Null
        New-VMSnapshot suite clean | Out-Null
        $data = Join-Path (Get-RepositoryRoot) samples/ResetBetweenTests.Tests.ps1
        $said = pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)', Pester; `$c = New-PesterConfiguration; `$c.Run.Container = New-PesterContainer -Path '$data' -Data @{ VM = 'suite'; Snapshot = 'clean' }; `$c.Run.PassThru = `$true; `$c.Output.Verbosity = 'None'; `$r = Invoke-Pester -Configuration `$c; `"`$(`$r.PassedCount) `$(`$r.FailedCount)`""
        $said | Select-Object -Last 1 | Should -Be '3 0'
    }
}
