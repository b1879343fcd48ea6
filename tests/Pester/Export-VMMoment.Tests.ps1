BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Export-VMMoment' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        $vm = 'web1'
        New-Machine $place $vm | Out-Null
        New-VMCheckpoint $vm monday | Out-Null
        New-VMCheckpoint $vm tuesday | Out-Null
    }

    It 'gives one moment as text' {
        $xml = Export-VMMoment $vm tuesday -NoDomain
        $xml | Should -BeOfType ([string])
        $document = [xml] $xml
        $document.domaincheckpoint.name | Should -Be tuesday
        $document.domaincheckpoint.parent.name | Should -Be monday
        $document.domaincheckpoint.domain | Should -BeNullOrEmpty
        ([xml](Export-VMMoment $vm tuesday)).domaincheckpoint.domain.name | Should -Be $vm
    }

    It 'gives a document for each of several, and of moment objects' {
        @(Export-VMMoment $vm *day).Count | Should -Be 2
        $texts = Get-VMCheckpoint $vm | Export-VMMoment
        @($texts).Count | Should -Be 2
    }

    It 'gives all in one without names' {
        $all = [xml](Export-VMMoment $vm)
        $all.domain.checkpoints.current | Should -Be tuesday
        $all.domain.checkpoints.domaincheckpoint.name | Should -Be monday, tuesday
    }

    It 'says the bytes with -Size' {
        ([xml](Export-VMMoment $vm monday -Size)).domaincheckpoint.disks.disk.size | Should -Be 0
    }

    It 'writes files and never onto one that is there' {
        $files = Export-VMMoment $vm * -Path "$place/out/"
        $files.Name | Should -Be monday.xml, tuesday.xml
        Set-Content $place/out/tuesday.xml mine
        Remove-Item $place/out/monday.xml
        { Export-VMMoment $vm * -Path $place/out -ErrorAction Stop } | Should -Throw -ErrorId 'FileExists,*'
        (Get-ChildItem $place/out).Name | Should -Be tuesday.xml
        Get-Content $place/out/tuesday.xml | Should -Be mine
        Export-VMMoment $vm * -Path $place/out -Force | Out-Null
        Get-Content $place/out/tuesday.xml -Raw | Should -BeLike '*<name>tuesday</name>*'
    }

    It 'refuses several machines for one file before it writes any' {
        New-Machine $place web2 | Out-Null
        New-VMCheckpoint web2 tuesday | Out-Null
        New-VMCheckpoint web2 friday | Out-Null
        { Export-VMMoment $vm, web2 -Path $place/both.xml -ErrorAction Stop } | Should -Throw -ErrorId 'ExportPathShared,*'
        { Export-VMMoment $vm, web2 -Path $place/both.xml -Force -ErrorAction Stop } | Should -Throw -ErrorId 'ExportPathShared,*'
        { Export-VMMoment $vm, web2 *day -Path "$place/both/" -ErrorAction Stop } | Should -Throw -ErrorId 'ExportPathShared,*'
        { $vm, 'web2' | Export-VMMoment -Path "$place/both/" -ErrorAction Stop } | Should -Throw -ErrorId 'ExportPathShared,*'
        { Get-VMCheckpoint $vm, web2 | Export-VMMoment -Path "$place/both/" -ErrorAction Stop } | Should -Throw -ErrorId 'ExportPathShared,*'
        Get-ChildItem $place -Filter both* | Should -BeNullOrEmpty
        Remove-VMCheckpoint web2 tuesday -Confirm:$false
        (Export-VMMoment $vm, web2 *day -Path "$place/both/").Name | Should -Be monday.xml, tuesday.xml, friday.xml
        Unregister-VMDomain web2 -RemoveMetadata -Confirm:$false
    }

    It 'writes nothing with -WhatIf' {
        Export-VMMoment $vm -Path $place/never.xml -WhatIf | Should -BeNullOrEmpty
        "$place/never.xml" | Should -Not -Exist
    }

    It 'says which names there are' {
        { Export-VMMoment $vm munday -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
    }

    Context 'for libvirt' {
        It 'hands all moments over, and Import-VMMoment takes them back' {
            New-Machine $place given | Out-Null
            New-VMCheckpoint given a | Out-Null
            New-VMCheckpoint given b | Out-Null
            Export-VMMoment given -ForLibvirt -Path $place/given-out -WhatIf
            Get-VMMoment given | Should -HaveCount 2
            $files = Export-VMMoment given -ForLibvirt -Path $place/given-out -Confirm:$false
            $files.Name | Should -Be a.xml, b.xml
            Get-VMMoment given | Should -BeNullOrEmpty
            (Get-VMBitmap given).Name | Sort-Object | Should -Be a, b
            (Import-VMMoment given -Path $place/given-out).Name | Should -Be a, b
        }

        It 'needs a directory' {
            { Export-VMMoment $vm -ForLibvirt -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'ExportPathInvalid,*'
        }
    }
}
