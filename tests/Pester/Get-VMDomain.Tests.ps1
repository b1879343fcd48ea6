BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMDomain' -Skip:(-not (Get-Command qemu-img -ErrorAction Ignore)) {
    It 'gives nothing, and no error, where no domain is' {
        Get-VMDomain -ErrorAction Stop | Should -BeNullOrEmpty
    }

    Context 'with three domains' {
        BeforeAll { 'web1', 'web2', 'db' | ForEach-Object { New-Machine $place $_ | Out-Null } }

        It 'gives all' { (Get-VMDomain).Name | Should -Be db, web1, web2 }

        It 'has lists that can be indexed' {
            New-Disk "$place/a.qcow2"
            New-Disk "$place/b.qcow2"
            Register-VMDomain -Xml (Get-DomainXml two "$place/a.qcow2", "$place/b.qcow2") | Out-Null
            (Get-VMDomain two).Disks[1].Path | Should -Be "$place/b.qcow2"
            (Get-VMDomain two).Disks[-1].Name | Should -Be vdb
            Unregister-VMDomain two -Confirm:$false
        }

        It 'takes wildcards' { (Get-VMDomain web*).Name | Should -Be web1, web2 }

        It 'takes names from the pipeline' { ('db', 'web2' | Get-VMDomain).Name | Should -Be db, web2 }

        It 'takes its own objects from the pipeline' { (Get-VMDomain web2 | Get-VMDomain).Name | Should -Be web2 }

        It 'takes objects with a property <_>' -ForEach VM, VMName, DomainName {
            ([pscustomobject]@{ $_ = 'db' } | Get-VMDomain).Name | Should -Be db
        }

        It 'says which names are near to one that means nothing, and gives the others' {
            Get-VMDomain wb1, db -ErrorVariable failures -ErrorAction SilentlyContinue | ForEach-Object Name | Should -Be db
            $failures | Should -HaveCount 1
            $failures[0].FullyQualifiedErrorId | Should -Be 'VMNotFound,MomentTools.Cmdlets.GetVMDomainCommand'
            $failures[0].CategoryInfo.Category | Should -Be ObjectNotFound
            $failures[0].TargetObject | Should -Be wb1
            $failures[0].ErrorDetails.RecommendedAction | Should -Match web1
        }

        It 'is no error where a pattern means nothing' {
            Get-VMDomain nosuch* -ErrorAction Stop | Should -BeNullOrEmpty
        }

        It 'says of an empty name that it is empty' {
            { Get-VMDomain '' } | Should -Throw '*"The name of a domain is empty."'
            { Get-VMChangedBlock web1 -Since '' } | Should -Throw '*"The name of a moment is empty."'
        }

        It 'refuses an object that names no domain' {
            { Get-Item / | Get-VMDomain -ErrorAction Stop } | Should -Throw -ErrorId 'InputObjectNotBound,*'
        }
    }
}
