BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place

    function Get-CheckpointXml([string] $Name, [string] $Parent) {
        $above = $Parent ? "<parent><name>$Parent</name></parent>" : ''
        "<domaincheckpoint><name>$Name</name>$above<creationTime>1700000000</creationTime><disks><disk name='vda' checkpoint='bitmap' bitmap='$Name'/></disks></domaincheckpoint>"
    }
}

AfterAll { Remove-Place $place }

Describe 'Import-VMMoment' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        $vm = "m$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $vm | Out-Null
    }

    It 'takes text, with parents in any order' {
        $moments = Import-VMMoment $vm -Xml (Get-CheckpointXml b a), (Get-CheckpointXml a)
        $moments.Name | Should -Be b, a
        (Get-VMCheckpoint $vm b).Parent | Should -Be a
        (Get-VMCheckpoint $vm b).Created | Should -Be ([datetimeoffset]::FromUnixTimeSeconds(1700000000))
    }

    It 'takes lines from the pipeline' {
        $lines = ((Get-CheckpointXml a) + "`n`n" + (Get-CheckpointXml b a)) -replace '><', ">`n<" -split "`n"
        ($lines | Import-VMMoment $vm).Name | Should -Be a, b
    }

    It 'takes what Export-VMMoment gives' {
        New-VMCheckpoint $vm monday | Out-Null
        $text = Export-VMMoment $vm monday
        Remove-VMCheckpoint $vm monday -MetadataOnly -Confirm:$false
        ($text | Import-VMMoment $vm).Name | Should -Be monday
    }

    It 'takes a directory' {
        New-Item -ItemType Directory $place/$vm-out | Out-Null
        Get-CheckpointXml a | Set-Content $place/$vm-out/a.xml
        Get-CheckpointXml b a | Set-Content $place/$vm-out/b.xml
        Push-Location $place
        try { (Import-VMMoment $vm -Path "./$vm-out").Count | Should -Be 2 }
        finally { Pop-Location }
    }

    It 'imports all or none' {
        { Import-VMMoment $vm -Xml (Get-CheckpointXml a), (Get-CheckpointXml b nosuch) -ErrorAction Stop } | Should -Throw -ErrorId 'ImportParentMissing,*'
        Get-VMMoment $vm | Should -BeNullOrEmpty
    }

    It 'holds the documents against the images with -Validate' {
        { Import-VMMoment $vm -Xml (Get-CheckpointXml a) -Validate -ErrorAction Stop } | Should -Throw -ErrorId 'ImportNotInImages,*'
    }

    It 'makes one current with -Current' {
        Import-VMMoment $vm -Xml (Get-CheckpointXml a), (Get-CheckpointXml b a) | Out-Null
        Import-VMMoment $vm -Xml (Get-CheckpointXml c a) -Current | Out-Null
        (Get-VMMoment $vm -Current).Name | Should -Be c
    }

    It 'imports nothing with -WhatIf, but checks' {
        Import-VMMoment $vm -Xml (Get-CheckpointXml a) -WhatIf | Should -BeNullOrEmpty
        Get-VMMoment $vm | Should -BeNullOrEmpty
        { Import-VMMoment $vm -Xml (Get-CheckpointXml a a) -WhatIf -ErrorAction Stop } | Should -Throw -ErrorId 'ImportParentCycle,*'
        { Import-VMMoment $vm -Xml (Get-CheckpointXml a) -Validate -WhatIf -ErrorAction Stop } | Should -Throw -ErrorId 'ImportNotInImages,*'
    }

    Context 'of bitmaps' {
        BeforeEach {
            $disk = (Get-VMDomain $vm).Disks[0].Path
            qemu-img bitmap --add -f qcow2 $disk theirs
            Write-Disk $disk 'write -P 1 64k 64k'
        }

        It 'makes a checkpoint of a bitmap' {
            $moment = Import-VMMoment $vm -FromBitmap theirs -Description said
            $moment | Should -BeOfType ([MomentTools.VMCheckpoint])
            $moment.Name, $moment.Description, $moment.Current | Should -Be theirs, said, $true
            (Get-VMChangedBlock $vm -Since theirs).Offset | Should -Be 65536
            (Get-VMBitmap $vm | Where-Object Name -EQ theirs).Owner | Should -Be theirs
        }

        It 'takes bitmap objects, and gives another name' {
            New-VMCheckpoint $vm own | Out-Null
            $moment = Get-VMBitmap $vm | Where-Object State -EQ Foreign | Import-VMMoment -Name ours -Created ([datetimeoffset]::Now)
            $moment.Name, $moment.Parent | Should -Be ours, own
            Get-VMBitmap $vm | Where-Object Name -EQ theirs | Should -BeNullOrEmpty
        }

        It 'changes nothing with -WhatIf' {
            Import-VMMoment $vm -FromBitmap theirs -WhatIf
            Get-VMMoment $vm | Should -BeNullOrEmpty
            (Get-VMBitmap $vm).State | Should -Be Foreign
        }

        It 'refuses what does not record, and what is not there' {
            qemu-img bitmap --disable -f qcow2 $disk theirs
            { Import-VMMoment $vm -FromBitmap theirs -ErrorAction Stop } | Should -Throw -ErrorId 'BitmapNotAdoptable,*'
            { Import-VMMoment $vm -FromBitmap nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'BitmapNotFound,*'
            { Get-VMBitmap -Path $disk | Import-VMMoment -ErrorAction Stop } | Should -Throw -ErrorId 'BitmapDomainMissing,*'
        }
    }
}
