BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    Set-Location $place
}

AfterAll { Remove-Place $place }

Describe 'Register-VMDomain' -Skip:(-not (Get-Command qemu-img -ErrorAction Ignore)) {
    BeforeAll {
        New-Disk "$place/a.qcow2"
        Get-DomainXml web1 "$place/a.qcow2" | Set-Content $place/web1.xml
    }

    AfterEach { Get-VMDomain | Unregister-VMDomain -Confirm:$false }

    It 'registers from a file whose path is relative to the location' {
        $machine = Register-VMDomain ./web1.xml
        $machine | Should -BeOfType ([MomentTools.VMDomain])
        $machine.Name | Should -BeExactly web1
        $machine.VM | Should -BeExactly web1
        $machine.State | Should -Be Stopped
        $machine.Disks.Name | Should -Be vda
        $machine.Disks[0].Trackable | Should -BeTrue
    }

    It 'takes files from the pipeline' {
        (Get-Item ./web1.xml | Register-VMDomain).Name | Should -Be web1
    }

    It 'takes a document as text' {
        (Register-VMDomain -Xml (Get-DomainXml textual "$place/a.qcow2")).Name | Should -Be textual
    }

    It 'touches nothing with -WhatIf' {
        Register-VMDomain ./web1.xml -WhatIf | Should -BeNullOrEmpty
        Get-VMDomain | Should -BeNullOrEmpty
    }

    It 'refuses a name that is taken' {
        Register-VMDomain ./web1.xml | Out-Null
        $failure = { Register-VMDomain -Xml (Get-DomainXml web1 "$place/a.qcow2") -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'VMExists,*'
        $failure.CategoryInfo.Category | Should -Be ResourceExists
    }

    It 'replaces the definition of a domain with -Update, and keeps its moments' {
        New-Disk "$place/u.qcow2"
        New-Disk "$place/u2.qcow2"
        $uuid = [guid]::NewGuid()
        Register-VMDomain -Xml (Get-DomainXml updated "$place/u.qcow2" $uuid) | Out-Null
        New-VMCheckpoint updated monday | Out-Null
        Get-DomainXml updated "$place/u.qcow2", "$place/u2.qcow2" $uuid | Set-Content $place/updated.xml
        { Register-VMDomain ./updated.xml -ErrorAction Stop } | Should -Throw -ErrorId 'VMExists,*'
        $machine = Register-VMDomain ./updated.xml -Update
        $machine.Disks.Name | Should -Be vda, vdb
        $machine.Disks.Tracking | Should -Be Recorded, Ready
        (Get-VMCheckpoint updated).Name | Should -Be monday
        { Register-VMDomain -Xml (Get-DomainXml updated "$place/u.qcow2") -Update -ErrorAction Stop } | Should -Throw -ErrorId 'VMUpdateMismatch,*'
        Unregister-VMDomain updated -RemoveMetadata -Confirm:$false
    }

    It 'says which file is missing, and registers the others' {
        Register-VMDomain ./nosuch.xml, ./web1.xml -ErrorVariable failures -ErrorAction SilentlyContinue | Should -HaveCount 1
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'PathMissing,*'
        $failures[0].TargetObject | Should -Be "$place/nosuch.xml"
    }

    It 'names the line of a broken document' {
        $failure = { Register-VMDomain -Xml "<domain>`n<name>x</nome></domain>" -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'XmlMalformed,*'
        $failure.Exception.Message | Should -Match 'line 2'
        $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
    }

    It 'refuses a path of another provider' {
        $failure = { Register-VMDomain Env:PATH -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'PathNotFileSystem,*'
    }

    It 'attaches a machine that something else started' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
        $arguments = "-M pc -accel tcg -display none -nodefaults -S -qmp unix:$place/m.qmp,server=on,wait=off " +
            "-blockdev qcow2,node-name=d,file.driver=file,file.filename=$place/a.qcow2 -device virtio-blk-pci,drive=d,id=vda"
        $qemu = Start-Process qemu-system-x86_64 $arguments -PassThru -RedirectStandardError $place/qemu.err
        try {
            while (-not (Test-Path $place/m.qmp)) {
                if ($qemu.HasExited) { throw (Get-Content $place/qemu.err -Raw) }
                Start-Sleep -Milliseconds 20
            }
            $machine = Register-VMDomain -Name foreign -Monitor ./m.qmp
            $machine.Attached | Should -BeTrue
            $machine.State | Should -Be Paused
            $machine.Disks.Path | Should -Be "$place/a.qcow2"
        }
        finally {
            if (-not $qemu.HasExited) { $qemu.Kill() }
            $qemu.WaitForExit()
        }
    }
}
