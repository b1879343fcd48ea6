BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMBitmap' -Skip:(-not (Get-Command qemu-img -ErrorAction Ignore)) {
    BeforeAll {
        New-Disk "$place/disk [1].qcow2"
        qemu-img bitmap --add "$place/disk [1].qcow2" foreign
        New-Disk "$place/plain.qcow2"
        Set-Location $place
    }

    It 'reads a file whose path is relative, its brackets taken as they are' {
        $bitmap = Get-VMBitmap -LiteralPath './disk [1].qcow2'
        $bitmap | Should -BeOfType ([MomentTools.VMBitmap])
        $bitmap.Name | Should -Be foreign
        $bitmap.Path | Should -Be "$place/disk [1].qcow2"
        $bitmap.Granularity | Should -Be 65536
        $bitmap.Persistent | Should -BeTrue
    }

    It 'takes wildcards in -Path' { (Get-VMBitmap -Path ./*.qcow2).Name | Should -Be foreign }

    It 'takes files from the pipeline' { (Get-ChildItem $place -Filter *.qcow2 | Get-VMBitmap).Name | Should -Be foreign }

    It 'says which file is missing' {
        { Get-VMBitmap -Path ./nosuch.qcow2 -ErrorAction Stop } | Should -Throw -ExpectedMessage '*nosuch.qcow2*'
    }

    It 'says that a file is no qcow2 image' {
        Set-Content ./text.qcow2 'text'
        try { { Get-VMBitmap -Path ./text.qcow2 -ErrorAction Stop } | Should -Throw -ErrorId 'Qcow2*' }
        finally { Remove-Item ./text.qcow2 }
    }

    It 'shows the bitmaps of a machine, and whose they are' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
        New-Machine $place | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
        qemu-img bitmap --add "$place/web1.qcow2" stray
        $bitmaps = Get-VMBitmap web1
        ($bitmaps | Where-Object Name -eq monday).Owner | Should -Be monday
        ($bitmaps | Where-Object Name -eq stray).State | Should -Be Foreign
        $bitmaps.VM | Select-Object -Unique | Should -Be web1
        $bitmaps.Disk | Select-Object -Unique | Should -Be vda
    }
}
